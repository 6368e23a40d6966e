#include "compiler/schedule/stage_costs.h"

#include <algorithm>

namespace pprun {

std::vector<std::vector<int32_t>> StagesHeld(const TaskOrder& order) {
  std::vector<std::vector<int32_t>> held;
  for (const std::vector<ChunkPlace>& places : order.placement) {
    std::vector<int32_t>& stages = held.emplace_back();
    for (const ChunkPlace& place : places) stages.push_back(place.stage);
  }
  return held;
}

std::vector<int32_t> RanksOfStages(int32_t stages, const std::vector<std::vector<int32_t>>& held) {
  std::vector<int32_t> rank_of(static_cast<size_t>(stages), -1);
  for (size_t rank = 0; rank < held.size(); ++rank) {
    for (const int32_t stage : held[rank]) {
      int32_t& known = rank_of[static_cast<size_t>(stage)];
      if (known >= 0 && known != static_cast<int32_t>(rank)) return {};
      known = static_cast<int32_t>(rank);
    }
  }
  if (std::ranges::find(rank_of, -1) != rank_of.end()) return {};
  return rank_of;
}

TaskCosts StageCosts(const TaskCosts& costs, const TaskOrder& order) {
  TaskCosts result = costs.OfAStage(order.placement.size(), order.stages);
  if (costs.whose == TaskCosts::Whose::kStage) return result;
  const std::vector<int32_t> rank_of = RanksOfStages(order.stages, StagesHeld(order));
  for (std::vector<int64_t>* list :
       {&result.forward, &result.input_grad, &result.weight_grad, &result.pair}) {
    *list = ByStage(*list, order.placement.size(), rank_of);
  }
  return result;
}

}  // namespace pprun
