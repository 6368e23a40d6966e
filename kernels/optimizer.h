// The parts of an optimizer step: the global gradient norm in fixed blocks, the clipping factor,
// and the updates. Formulas and sources: formulas/optimizer.h. All tensors f32 unless said
// otherwise. Tests: optimizer_test.cc.
#pragma once

#include <span>

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
void LaunchSquareSum(const CpuQueue& queue, const Tensor& gradient, const Tensor& partials);

// norm = sqrt(sum of partials[order[i]] for ascending i), factor = min(1, max_norm / (norm +
// 1e-6)), as torch.nn.utils.clip_grad_norm_; both f32[]. `order` is i32[count], or absent for all
// partials as they stand. A norm that is NaN gives a factor that is NaN.
void LaunchClipFactor(const CpuQueue& queue, const Tensor& partials, const Tensor& order,
                      float max_norm, const Tensor& factor, const Tensor& norm);

// Of every update: `rounded` is absent, or bf16 and gets the updated parameter rounded, in the same
// pass.

// `momentum` holds the velocity, zero at first; absent if settings.momentum is 0.
void LaunchSgdUpdate(const CpuQueue& queue, const Tensor& parameter, const Tensor& gradient,
                     const Tensor& momentum, const Tensor& rounded, const SgdSettings& settings,
                     const StepState& state);

// `first` and `second` are the moments, zero at first. Bias correction takes state.step + 1 as the
// number of steps.
void LaunchAdamUpdate(const CpuQueue& queue, const Tensor& parameter, const Tensor& gradient,
                      const Tensor& first, const Tensor& second, const Tensor& rounded,
                      const AdamSettings& settings, const StepState& state);

// On CUDA; `state` is in device memory.
void LaunchSquareSum(const CudaQueue& queue, const Tensor& gradient, const Tensor& partials);
void LaunchClipFactor(const CudaQueue& queue, const Tensor& partials, const Tensor& order,
                      float max_norm, const Tensor& factor, const Tensor& norm);
void LaunchSgdUpdate(const CudaQueue& queue, const Tensor& parameter, const Tensor& gradient,
                     const Tensor& momentum, const Tensor& rounded, const SgdSettings& settings,
                     const StepState* state);
void LaunchAdamUpdate(const CudaQueue& queue, const Tensor& parameter, const Tensor& gradient,
                      const Tensor& first, const Tensor& second, const Tensor& rounded,
                      const AdamSettings& settings, const StepState* state);

// One of many parameters that one launch updates.
struct AdamTensors {
  Tensor parameter, gradient, first, second, rounded;
  enum class Decay : uint8_t { kYes, kNo } decay = Decay::kYes;  // by settings.weight_decay, or not
};
void LaunchAdamUpdates(const CudaQueue& queue, std::span<const AdamTensors> parameters,
                       const AdamSettings& settings, const StepState* state);

}  // namespace pprun::kernels
