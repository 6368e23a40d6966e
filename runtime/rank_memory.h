// One rank's device memory: its arenas, each allocated once and never again, and the small buffers
// of the runtime's own beside them. Tests: executor_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "compiler/plan/plan.h"
#include "kernels/kernel.h"
#include "runtime/device.h"

namespace pprun {

class RankMemory {
 public:
  // All outlive the memory.
  RankMemory(const Plan& plan, const Position& position, Device& device);

  // Null if the id is not valid().
  kernels::Tensor TensorOf(BufferId buffer) const;

  // In device memory.
  const kernels::StepState* step_state() const;
  // Index of each partial sum of the gradient norm, in the order in which they are added.
  std::span<const int32_t> norm_order() const;

  void WriteStepState(const kernels::StepState& state);

  // Of the arenas, as the plan predicts and as physical memory stands behind them.
  int64_t Bytes() const;
  int64_t TouchedBytes() const;

 private:
  const Position& position_;
  Device& device_;
  std::array<std::unique_ptr<DeviceMemory>, kArenaCount> arenas_;
  std::unique_ptr<DeviceMemory> step_state_;
  std::unique_ptr<DeviceMemory> norm_order_;  // i32
  size_t norm_partials_ = 0;
};

}  // namespace pprun
