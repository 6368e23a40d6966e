// What went wrong on the ranks of a schedule, said once: the same mistake on several ranks is one
// error that names them.
//
// Tests: schedule_errors_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "compiler/schedule/rank_ledger.h"
#include "dsl/diagnostics.h"

namespace pprun {

class ScheduleFindings {
 public:
  // `order` is the place of `order on rank r`, for what has no place of its own.
  ScheduleFindings(ast::Location order, int64_t ranks) : order_(order), ranks_(ranks) {}

  // What the ledger found; nothing if it found nothing.
  void AddProblem(const RankLedger& ledger);
  // What evaluating the order on a rank reported.
  void AddErrors(int32_t rank, const Diagnostics& errors);

  void Report(Diagnostics& diagnostics) const;

 private:
  // What says it: a ledger's words name the first rank, an evaluation's do not.
  enum class Source : uint8_t { kLedger, kEvaluation };
  struct Finding {
    Source source = Source::kLedger;
    Diagnostic diagnostic;
    std::vector<int32_t> ranks;
  };
  // Source, kind of mistake, and place in the text.
  using Key = std::tuple<Source, ScheduleProblem::Kind, uint32_t, uint32_t>;

  void Add(Key key, int32_t rank, Diagnostic diagnostic);

  ast::Location order_;
  int64_t ranks_;
  std::vector<Finding> findings_;
  std::map<Key, size_t> places_;
};

}  // namespace pprun
