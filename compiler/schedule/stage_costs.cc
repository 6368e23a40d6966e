#include "compiler/schedule/stage_costs.h"

namespace pprun {

std::vector<int32_t> RanksOfStages(const TaskOrder& order) {
  std::vector<int32_t> rank_of(static_cast<size_t>(order.stages), -1);
  for (size_t rank = 0; rank < order.placement.size(); ++rank) {
    for (const ChunkPlace& place : order.placement[rank]) {
      int32_t& known = rank_of[static_cast<size_t>(place.stage)];
      if (known >= 0 && known != static_cast<int32_t>(rank)) return {};
      known = static_cast<int32_t>(rank);
    }
  }
  return rank_of;
}

TaskCosts StageCosts(const TaskCosts& costs, const TaskOrder& order) {
  TaskCosts result = costs.OfAStage(order.placement.size(), order.stages);
  if (costs.whose == TaskCosts::Whose::kStage) return result;
  const std::vector<int32_t> rank_of = RanksOfStages(order);
  for (std::vector<int64_t>* list :
       {&result.forward, &result.input_grad, &result.weight_grad, &result.pair}) {
    *list = ByStage(*list, order.placement.size(), rank_of);
  }
  return result;
}

}  // namespace pprun
