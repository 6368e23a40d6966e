#include "compiler/verify/layer_bindings.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pprun {
namespace {

constexpr size_t kKinds = 8;  // at least as many as there are
static_assert(static_cast<size_t>(TaskKind::kRecompute) < kKinds);

}  // namespace

std::vector<size_t> LayerArguments(const Plan& plan) {
  std::vector<size_t> counts;
  for (const Function& function : plan.functions) {
    const auto other = std::ranges::find_if(function.arguments, [](const Argument& argument) {
      return argument.role != Role::kParameter && argument.role != Role::kGradient;
    });
    counts.push_back(static_cast<size_t>(other - function.arguments.begin()));
  }
  return counts;
}

// A position has no more lists than bindings, whatever a plan says of layers.
LayerBindings::LayerBindings(const Plan& plan, const std::vector<size_t>& counts,
                             const Position& position)
    : counts_(counts),
      position_(position),
      recent_(std::bit_ceil(std::min(plan.layers.size() * kKinds, position.bindings.size() + 1)),
              -1) {}

size_t LayerBindings::NumberOf(const Run& run) {
  const size_t key = run.layer.index() * kKinds + static_cast<size_t>(run.kind);
  int32_t& recent = recent_[key & (recent_.size() - 1)];
  const List own{run.function, run.first_binding};
  if (recent >= 0) {
    const List& list = lists_[static_cast<size_t>(recent)];
    const std::span<const BufferId> buffers = BoundBy(own);
    if (list.function == run.function &&
        std::memcmp(BoundBy(list).data(), buffers.data(), buffers.size_bytes()) == 0) {
      return static_cast<size_t>(recent);
    }
  }
  recent = static_cast<int32_t>(lists_.size());
  lists_.push_back(own);
  return lists_.size() - 1;
}

}  // namespace pprun
