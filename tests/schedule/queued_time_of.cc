#include "tests/schedule/queued_time_of.h"

#include "compiler/schedule/greedy/queued_time.h"
#include "compiler/schedule/transfer_queues.h"

namespace pprun {

int64_t QueuedTimeOf(const TaskOrder& order, const TaskCosts& costs, TransferQueues transfers) {
  GreedyProblem problem{.stages = order.stages, .transfer = costs.transfer};
  RankOrders orders;
  std::vector<int32_t> part_of(static_cast<size_t>(order.stages * order.pipes), -1);
  const auto index = [&](int32_t stage, int32_t pipe) {
    return static_cast<size_t>(pipe * order.stages + stage);
  };
  for (size_t rank = 0; rank < order.placement.size(); ++rank) {
    GreedyRank& here = problem.ranks.emplace_back();
    here.splits = false;
    RankOrder& letters = orders.emplace_back();
    for (const OrderedTask& task : order.positions[rank]) {
      const bool weight = task.kind == TaskKind::kWeightGrad;
      here.splits = here.splits || weight;
      const bool forward = task.kind == TaskKind::kForward;
      letters.push_back({task.chunk, forward  ? Piece::kForward
                                     : weight ? Piece::kWeight
                                              : Piece::kGradient});
    }
    const TaskKind gradient = here.splits ? TaskKind::kInputGrad : TaskKind::kBackward;
    for (const ChunkPlace& place : order.placement[rank]) {
      const auto id = static_cast<int32_t>(problem.parts.size());
      part_of[index(place.stage, place.pipe)] = id;
      problem.parts.push_back(
          {.rank = static_cast<int32_t>(rank),
           .chunk = static_cast<int32_t>(here.parts.size()),
           .stage = place.stage,
           .pipe = place.pipe,
           .microbatches = order.MicrobatchesOf(place.pipe).count(),
           .first = problem.table,
           .cost = {costs.Of(TaskKind::kForward, place.stage), costs.Of(gradient, place.stage),
                    costs.Of(TaskKind::kWeightGrad, place.stage)}});
      problem.table += static_cast<size_t>(problem.parts.back().microbatches);
      here.parts.push_back(id);
    }
  }
  for (GreedyPart& part : problem.parts) {
    if (part.stage > 0) part.earlier = part_of[index(part.stage - 1, part.pipe)];
    if (part.stage + 1 < order.stages) part.later = part_of[index(part.stage + 1, part.pipe)];
  }
  AddQueues(transfers, problem);
  return QueuedClock(problem).Makespan(orders);
}

}  // namespace pprun
