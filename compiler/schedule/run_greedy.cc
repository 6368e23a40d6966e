// Evaluates the bounds of a `greedy` on a rank. Tests: evaluate_greedy_test.cc.
#include <string>

#include "compiler/schedule/schedule_runner.h"

namespace pprun {

void ScheduleRunner::SetGreedyNames(const ResolvedGreedy& greedy, const RankLedger& ledger) {
  constexpr ScopeEntry::Space kGlobal = ScopeEntry::Space::kGlobal;
  evaluator_.SetLedger(&ledger);
  const Word rank = IntegerWord(ledger.rank());
  // Functions see the rank by the name that the order or the first `greedy` gives it.
  evaluator_.SetSlot(kGlobal, schedule_.rank_slot, rank);
  if (!greedy.rank) evaluator_.SetSlot(kGlobal, greedy.rank_slot, rank);
}

std::optional<GreedyBounds> ScheduleRunner::RunGreedy(const ResolvedGreedy& greedy,
                                                      const RankLedger& ledger,
                                                      Diagnostics& diagnostics) {
  diagnostics_ = &diagnostics;
  if (Step(greedy.location) == Flow::kStop) return std::nullopt;
  SetGreedyNames(greedy, ledger);
  GreedyBounds bounds;
  if (greedy.limit.valid()) {
    bounds.limit = Integer(greedy.limit, "what `greedy` holds at most", greedy.limit_location);
    if (!bounds.limit) return std::nullopt;
  }
  if (!greedy.nodes.valid()) return bounds;
  const auto nodes = Integer(greedy.nodes, "the nodes of a search", greedy.nodes_location);
  if (!nodes) return std::nullopt;
  bounds.nodes = *nodes;
  if (*nodes >= 1) return bounds;
  const ast::Location place = program_[greedy.nodes.source].location;
  Diagnostic& error =
      diagnostics.Error(place, "a search of " + std::to_string(*nodes) + " nodes finds nothing");
  const std::string names = evaluator_.NamesIn(greedy.nodes);
  if (!names.empty()) error.Note(place, names);
  return std::nullopt;
}

std::string ScheduleRunner::NamesInLimit(const ResolvedGreedy& greedy, const RankLedger& ledger) {
  SetGreedyNames(greedy, ledger);
  return evaluator_.NamesIn(greedy.limit);
}

}  // namespace pprun
