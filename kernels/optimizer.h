// The parts of an optimizer step: the global gradient norm in fixed blocks, the clipping factor,
// and the updates. Formulas and sources: formulas/optimizer.h. All tensors f32 unless said
// otherwise. Tests: optimizer_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;

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

struct SgdSettings {
  float momentum = 0;
  float weight_decay = 0;  // added to the gradient, as torch.optim.SGD does
};

// `momentum` holds the velocity, zero at first; absent if settings.momentum is 0.
void LaunchSgdUpdate(const CpuQueue& queue, const Tensor& parameter, const Tensor& gradient,
                     const Tensor& momentum, const SgdSettings& settings, const StepState& state);

struct AdamSettings {
  enum class Decay : uint8_t { kL2, kDecoupled } decay = Decay::kDecoupled;  // Adam, AdamW
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float weight_decay = 0;
};

// `first` and `second` are the moments, zero at first. Bias correction takes state.step + 1 as the
// number of steps.
void LaunchAdamUpdate(const CpuQueue& queue, const Tensor& parameter, const Tensor& gradient,
                      const Tensor& first, const Tensor& second, const AdamSettings& settings,
                      const StepState& state);

}  // namespace pprun::kernels
