// Runs a resolved schedule: its preamble once, its order once a rank, writing tasks into the rank's
// ledger.
//
// An error ends the rank that met it. Passing a limit ends the run. Tests:
// evaluate_schedule_test.cc.
#pragma once

#include <cstdint>

#include "compiler/schedule/expression_evaluator.h"
#include "compiler/schedule/rank_ledger.h"
#include "compiler/schedule/resolved_schedule.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

class ScheduleRunner {
 public:
  ScheduleRunner(const ast::Program& program, const ResolvedSchedule& schedule,
                 const Limits& limits);

  // Both are false after an error.
  bool RunPreamble(Diagnostics& diagnostics);
  bool RunOrder(RankLedger& ledger, Diagnostics& diagnostics);

  // A limit was passed, and reported: there is nothing more to run.
  bool PassedLimit() const { return passed_limit_; }

 private:
  enum class Flow { kContinue, kStop };

  Flow Run(const ResolvedBlock& block);
  Flow Run(const SetSlot& set, ast::Location location);
  Flow Run(const ForLoop& loop, ast::Location location);
  Flow Run(const RepeatLoop& loop, ast::Location location);
  Flow Run(const Branch& branch, ast::Location location);
  Flow Run(const Overlap& overlap, ast::Location location);
  Flow Run(const Require& require, ast::Location location);
  Flow Run(const IssueTask& task, ast::Location location);
  Flow Run(const CallTasks& call, ast::Location location);

  // Counts a step, and stops where there are too many.
  Flow Step(ast::Location location);
  std::optional<int64_t> Integer(const ResolvedExpression& expression, std::string_view what,
                                 ast::Location location);
  std::optional<bool> Boolean(const ResolvedExpression& expression, std::string_view what,
                              ast::Location location);
  // A value that a slot can hold.
  std::optional<Word> WordOf(const ResolvedExpression& expression, std::string_view what,
                             ast::Location location);
  Flow Issue(TaskKind kind, int32_t chunk, int64_t microbatch, ast::Location location);
  void ReportSteps(ast::Location location);

  const ast::Program& program_;
  const ResolvedSchedule& schedule_;
  const Limits& limits_;
  ExpressionEvaluator evaluator_;
  RankLedger* ledger_ = nullptr;
  Diagnostics* diagnostics_ = nullptr;
  int64_t tasks_ = 0;  // of all ranks
  int32_t overlap_pair_ = -1;
  int32_t overlap_pairs_ = 0;
  bool passed_limit_ = false;
};

}  // namespace pprun
