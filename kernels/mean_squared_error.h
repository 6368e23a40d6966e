// mean_squared_error: the squared distance to the one-hot vector of the target, as a loss for
// classification (Brier 1950; Hui and Belkin, "Evaluation of neural architectures trained with
// square loss vs cross-entropy", 2020):
//   loss = loss_scale * sum over tokens t, in ascending order, of the sum over v of (x[t, v] - [v =
//   target[t]])^2, dx = 2 loss_scale (x - [v = target]),
// with x f32[b, s, V], targets i32[b, s] in [0, V), loss f64[]. dx may be x. Tests:
// cross_entropy_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchMeanSquaredError(const CpuQueue& queue, const Tensor& x, const Tensor& targets,
                            const Tensor& loss, double loss_scale);
void LaunchMeanSquaredErrorGrad(const CpuQueue& queue, const Tensor& x, const Tensor& targets,
                                const Tensor& dx, double loss_scale);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchMeanSquaredError(const CudaQueue& queue, const Tensor& x, const Tensor& targets,
                            const Tensor& loss, double loss_scale);
void LaunchMeanSquaredErrorGrad(const CudaQueue& queue, const Tensor& x, const Tensor& targets,
                                const Tensor& dx, double loss_scale);

}  // namespace pprun::kernels
