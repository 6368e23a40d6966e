#include "runtime/rank_memory.h"

#include <vector>

namespace pprun {

namespace {

std::vector<int32_t> ExpandedNormOrder(const Plan& plan) {
  std::vector<int32_t> order;
  for (const NormBlocks& blocks : plan.norm_order) {
    for (int32_t i = 0; i < blocks.count; ++i) order.push_back(blocks.first + i);
  }
  return order;
}

}  // namespace

RankMemory::RankMemory(const Plan& plan, const Position& position, Device& device)
    : position_(position), device_(device) {
  for (size_t arena = 0; arena < arenas_.size(); ++arena) {
    arenas_[arena] = device.Allocate(position.arena_bytes[arena]);
  }
  step_state_ = device.Allocate(sizeof(kernels::StepState));
  const std::vector<int32_t> indices = ExpandedNormOrder(plan);
  norm_partials_ = indices.size();
  const auto order = std::as_bytes(std::span(indices));
  norm_order_ = device.Allocate(static_cast<int64_t>(order.size()));
  device.Upload(norm_order_->data(), order);
}

kernels::Tensor RankMemory::TensorOf(BufferId buffer) const {
  if (!buffer.valid()) return {};
  const Buffer& what = position_.buffers[buffer.index()];
  return {arenas_[static_cast<size_t>(what.arena)]->data() + what.offset, what.type.dtype,
          what.type.shape};
}

const kernels::StepState* RankMemory::step_state() const {
  return reinterpret_cast<const kernels::StepState*>(step_state_->data());
}

std::span<const int32_t> RankMemory::norm_order() const {
  return {reinterpret_cast<const int32_t*>(norm_order_->data()), norm_partials_};
}

void RankMemory::WriteStepState(const kernels::StepState& state) {
  device_.Upload(step_state_->data(), std::as_bytes(std::span(&state, 1)));
}

int64_t RankMemory::Bytes() const {
  int64_t bytes = 0;
  for (const auto& arena : arenas_) bytes += arena->bytes();
  return bytes;
}

int64_t RankMemory::TouchedBytes() const {
  int64_t bytes = 0;
  for (const auto& arena : arenas_) bytes += arena->TouchedBytes();
  return bytes;
}

}  // namespace pprun
