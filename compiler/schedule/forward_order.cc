#include "compiler/schedule/forward_order.h"

#include <map>

namespace pprun {

TaskOrder ForwardOrder(const TaskOrder& training, ast::Location location) {
  TaskOrder order{
      .chunks = training.chunks, .stages = training.stages, .microbatches = training.microbatches};
  for (const std::vector<OrderedTask>& tasks : training.positions) {
    std::map<int32_t, int32_t> chunk_of_stage;
    for (const OrderedTask& task : tasks) chunk_of_stage.emplace(task.stage, task.chunk);
    std::vector<OrderedTask>& forwards = order.positions.emplace_back();
    for (const auto& [stage, chunk] : chunk_of_stage) {
      for (int32_t i = 0; i < order.microbatches; ++i) {
        forwards.push_back({.kind = TaskKind::kForward,
                            .chunk = chunk,
                            .microbatch = i,
                            .stage = stage,
                            .location = location});
      }
    }
  }
  return order;
}

}  // namespace pprun
