#include "compiler/schedule/forward_order.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace pprun {

TaskOrder ForwardOrder(const TaskOrder& training, ast::Location location) {
  TaskOrder order = training;
  for (size_t p = 0; p < order.positions.size(); ++p) {
    std::vector<std::pair<ChunkPlace, int32_t>> chunks;
    for (size_t c = 0; c < order.placement[p].size(); ++c) {
      chunks.emplace_back(order.placement[p][c], static_cast<int32_t>(c));
    }
    std::sort(chunks.begin(), chunks.end(),
              [](const auto& a, const auto& b) { return a.first.stage < b.first.stage; });
    order.positions[p].clear();
    for (const auto& [place, chunk] : chunks) {
      for (int32_t i = 0; i < order.microbatches; ++i) {
        if (order.PipeOf(i) != place.pipe) continue;
        order.positions[p].push_back({.kind = TaskKind::kForward,
                                      .chunk = chunk,
                                      .microbatch = i,
                                      .stage = place.stage,
                                      .pipe = place.pipe,
                                      .location = location});
      }
    }
  }
  return order;
}

}  // namespace pprun
