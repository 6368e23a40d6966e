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
  explicit ScheduleFindings(ast::Location order) : order_(order) {}

  // What the ledger found; nothing if it found nothing.
  void AddProblem(const RankLedger& ledger);
  // What evaluating the order on a rank reported.
  void AddErrors(int32_t rank, const Diagnostics& errors);

  void Report(Diagnostics& diagnostics) const;

 private:
  struct Finding {
    Diagnostic diagnostic;
    std::vector<int32_t> ranks;
  };
  // Kind of mistake and place in the text.
  using Key = std::tuple<int, uint32_t, uint32_t>;

  void Add(Key key, int32_t rank, Diagnostic diagnostic);

  ast::Location order_;
  std::vector<Finding> findings_;
  std::map<Key, size_t> places_;
};

}  // namespace pprun
