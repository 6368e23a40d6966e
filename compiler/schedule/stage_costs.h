// Costs of ranks as those of the stages that they hold. A list with as many entries as there are
// ranks has one a rank, of all that it holds; another one has one a stage. Where two ranks share a
// stage, an entry of a rank says nothing of it, and such a list is one by stage too. Tests:
// stage_costs_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/schedule/task_order.h"

namespace pprun {

// By rank.
std::vector<std::vector<int32_t>> StagesHeld(const TaskOrder& order);

// The rank of every stage, of what each rank holds; empty where two ranks share one, or none has
// one.
std::vector<int32_t> RanksOfStages(int32_t stages, const std::vector<std::vector<int32_t>>& held);

// Entries a rank, as `rank_of` places stages, as entries a stage; any other list as it is.
template <typename Cost>
std::vector<Cost> ByStage(const std::vector<Cost>& list, size_t ranks,
                          const std::vector<int32_t>& rank_of) {
  if (list.size() != ranks || rank_of.empty()) return list;
  std::vector<Cost> result;
  for (const int32_t rank : rank_of) result.push_back(list[static_cast<size_t>(rank)]);
  return result;
}

// By what an order's tasks are to be weighed: a stage's costs as they are, a rank's shared by its
// chunks.
TaskCosts StageCosts(const TaskCosts& costs, const TaskOrder& order);

}  // namespace pprun
