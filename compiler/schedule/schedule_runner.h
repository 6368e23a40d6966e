// Runs a resolved schedule: its preamble once, its placement once, its order once a rank, writing
// tasks into the rank's ledger.
//
// An error ends the rank that met it. Passing a limit ends the run. Tests:
// evaluate_schedule_test.cc and placement_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/schedule/expression_evaluator.h"
#include "compiler/schedule/rank_ledger.h"
#include "compiler/schedule/resolved_schedule.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

// Which stage every chunk of every rank is. Every stage of every pipe is exactly one of them.
struct Placement {
  int32_t chunks = 1;
  int32_t pipes = 1;
  int32_t stages = 1;
  std::vector<std::vector<ChunkPlace>> ranks;  // [rank][chunk]
};

struct GreedyBounds {
  std::optional<int64_t> limit;  // of activations in flight, or of bytes of them
  int64_t nodes = 1;             // of its search
};

class ScheduleRunner {
 public:
  ScheduleRunner(const ast::Program& program, const ResolvedSchedule& schedule,
                 const Limits& limits);

  // False after an error, as RunOrder is; empty, RunPlacement.
  bool RunPreamble(Diagnostics& diagnostics);
  // Where chunks are; rank r is stage r in a schedule that does not say. After the preamble.
  // Of the places that clauses give to choose among, the alternative of this number.
  std::optional<Placement> RunPlacement(int32_t ranks, size_t alternative,
                                        Diagnostics& diagnostics);
  // The bounds of a `greedy` on the ledger's rank, at which nothing has run yet.
  std::optional<GreedyBounds> RunGreedy(const ResolvedGreedy& greedy, const RankLedger& ledger,
                                        Diagnostics& diagnostics);
  // The names that its limit speaks of, with their values there.
  std::string NamesInLimit(const ResolvedGreedy& greedy, const RankLedger& ledger);
  bool RunOrder(RankLedger& ledger, Diagnostics& diagnostics);

  // A limit was passed, and reported: there is nothing more to run.
  bool PassedLimit() const { return passed_limit_; }

 private:
  enum class Flow { kContinue, kStop };

  // What a clause says of a chunk, before it is known which stages there are.
  struct PlacedChunk {
    int32_t rank = 0;
    int32_t chunk = 0;
    int64_t stage = 0;
    int64_t pipe = 0;
  };

  Flow Run(const ResolvedBlock& block);
  Flow Run(const SetSlot& set, ast::Location location);
  Flow Run(const ForLoop& loop, ast::Location location);
  Flow Run(const RepeatLoop& loop, ast::Location location);
  Flow Run(const Branch& branch, ast::Location location);
  Flow Run(const Overlap& overlap, ast::Location location);
  Flow Run(const Require& require, ast::Location location);
  Flow Run(const IssueTask& task, ast::Location location);
  Flow Run(const CallTasks& call, ast::Location location);

  // run_placement.cc
  std::optional<int32_t> ChunkCount(int32_t ranks);
  std::optional<std::vector<const ResolvedPlacement*>> ClauseOfEachChunk(int32_t chunks);
  std::optional<std::vector<PlacedChunk>> RunClauses(
      int32_t ranks, const std::vector<const ResolvedPlacement*>& clauses);
  bool HoldsEachStageOnce(const Placement& placement, const std::vector<PlacedChunk>& placed,
                          const std::vector<const ResolvedPlacement*>& clauses);
  void SetPlacementNames(const ResolvedPlacement& clause, int32_t rank, int32_t chunk);
  // An error about a value of a clause, with the names it speaks of and what they are.
  void ReportPlace(const ResolvedPlacement& clause, const ResolvedExpression& expression,
                   const PlacedChunk& placed, std::string message, std::string note = "");

  void SetGreedyNames(const ResolvedGreedy& greedy, const RankLedger& ledger);

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
  std::string Call(const OrderedTask& task) const;

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
  size_t alternative_ = 0;  // of the places
};

}  // namespace pprun
