// cross_entropy: with lse[t] = log(sum over v of exp(logits[t, v])),
//   loss = loss_scale * sum over tokens, in ascending order, of (lse[t] - logits[t, target[t]]),
// logits f32[b, s, V], targets i32[b, s] in [0, V), loss f64[], lse f32[b, s] kept for the gradient
//   dlogits = loss_scale (exp(logits - lse) - [v = target]).
// The loss is summed in double. dlogits may be logits. Tests: cross_entropy_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchCrossEntropy(const CpuQueue& queue, const Tensor& logits, const Tensor& targets,
                        const Tensor& loss, const Tensor& lse, double loss_scale);
void LaunchCrossEntropyGrad(const CpuQueue& queue, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const Tensor& dlogits, double loss_scale);
// Both at once: dlogits may be logits.
void LaunchCrossEntropyWithGrad(const CpuQueue& queue, const Tensor& logits, const Tensor& targets,
                                const Tensor& loss, const Tensor& dlogits, double loss_scale);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchCrossEntropy(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                        const Tensor& loss, const Tensor& lse, double loss_scale);
void LaunchCrossEntropyGrad(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const Tensor& dlogits, double loss_scale);
void LaunchCrossEntropyWithGrad(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                                const Tensor& loss, const Tensor& dlogits, double loss_scale);

}  // namespace pprun::kernels
