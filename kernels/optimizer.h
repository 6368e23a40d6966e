// The parts of an optimizer step, each of many parameters at once: the global gradient norm in
// fixed blocks, the clipping factor, and the updates. Formulas and sources: formulas/optimizer.h.
// All tensors f32 unless said otherwise. Tests: optimizer_test.cc.
#pragma once

#include <span>

#include "compiler/plan/base/check.h"
#include "kernels/formulas/optimizer.h"
#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

// Elements of one block of the norm.
inline constexpr int64_t kNormBlock = 65536;

inline int64_t NormBlocks(int64_t elements) { return (elements + kNormBlock - 1) / kNormBlock; }

// partials[i] = the sum of squares of block i of the gradient; f64[NormBlocks(elements)], every one
// written. The order of the additions depends on nothing.
struct SquareSumTensors {
  Tensor gradient, partials;
};
void LaunchSquareSums(const CpuQueue& queue, std::span<const SquareSumTensors> gradients);

// norm = sqrt(sum of partials[order[i]] for ascending i), factor = min(1, max_norm / (norm +
// 1e-6)), as torch.nn.utils.clip_grad_norm_; both f32[]. `order` is i32[count], or absent for all
// partials as they stand. A norm that is NaN gives a factor that is NaN.
void LaunchClipFactor(const CpuQueue& queue, const Tensor& partials, const Tensor& order,
                      float max_norm, const Tensor& factor, const Tensor& norm);

// One parameter of an update, with its state, which is zero at first. `rounded` is absent, or bf16
// and gets the updated parameter rounded, in the same pass.
struct UpdateTensors {
  Tensor parameter, gradient;
  Tensor first;   // SGD's momentum, absent where settings.momentum is 0; Adam's first moment
  Tensor second;  // Adam's second moment
  Tensor rounded;
  enum class Decay : uint8_t { kYes, kNo } decay = Decay::kYes;  // by settings.weight_decay, or not
};

// What a rule keeps of each parameter: so many moments, all there and of the parameter's length.
inline void CheckUpdate(const UpdateTensors& tensors, int moments) {
  const int64_t elements = tensors.parameter.shape.Elements();
  const auto is_like = [&](const Tensor& other) { return other.shape.Elements() == elements; };
  CHECK(tensors.parameter && tensors.gradient && is_like(tensors.gradient));
  CHECK(static_cast<bool>(tensors.first) == (moments > 0));
  CHECK(!tensors.first || is_like(tensors.first));
  CHECK(static_cast<bool>(tensors.second) == (moments > 1));
  CHECK(!tensors.second || is_like(tensors.second));
  CHECK(!tensors.rounded || is_like(tensors.rounded));
}

// Gradients are read times `factor`, f32[] in device memory; absent: 1. Adam's bias correction
// takes state.step + 1 as the number of steps.
void LaunchSgdUpdates(const CpuQueue& queue, std::span<const UpdateTensors> parameters,
                      const Tensor& factor, const SgdSettings& settings, const StepState& state);
void LaunchAdamUpdates(const CpuQueue& queue, std::span<const UpdateTensors> parameters,
                       const Tensor& factor, const AdamSettings& settings, const StepState& state);

// On CUDA; `state` is in device memory.
void LaunchSquareSums(const CudaQueue& queue, std::span<const SquareSumTensors> gradients);
void LaunchClipFactor(const CudaQueue& queue, const Tensor& partials, const Tensor& order,
                      float max_norm, const Tensor& factor, const Tensor& norm);
void LaunchSgdUpdates(const CudaQueue& queue, std::span<const UpdateTensors> parameters,
                      const Tensor& factor, const SgdSettings& settings, const StepState* state);
void LaunchAdamUpdates(const CudaQueue& queue, std::span<const UpdateTensors> parameters,
                       const Tensor& factor, const AdamSettings& settings, const StepState* state);

}  // namespace pprun::kernels
