// layer_norm (Ba, Kiros and Hinton 2016) over the last dimension: with xhat = (x - mean) rstd and
// rstd = 1 / sqrt(variance + epsilon), y = xhat weight + bias. x and y f32[b, s, d], weight and
// bias f32[d]; mean and rstd f32[b, s] are kept for the gradients:
//   g = dy weight, dx = rstd (g - average(g) - xhat average(g xhat))
//   dweight += sum over rows of dy xhat, dbias += sum over rows of dy, rows in ascending order.
// Where `passed` is there, dx is added to it: what reaches x's gradient by another way. y may be x,
// and dx may be dy. Tests: layer_norm_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchLayerNorm(const CpuQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& y, const Tensor& mean, const Tensor& rstd,
                     float epsilon);
void LaunchLayerNormInputGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                              const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                              const Tensor& passed, const Tensor& dx);
void LaunchLayerNormWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                               const Tensor& mean, const Tensor& rstd, const Tensor& dweight,
                               const Tensor& dbias);

// sum = a + b, then y, mean and rstd of it.
void LaunchAddLayerNorm(const CpuQueue& queue, const Tensor& a, const Tensor& b,
                        const Tensor& weight, const Tensor& bias, const Tensor& sum,
                        const Tensor& y, const Tensor& mean, const Tensor& rstd, float epsilon);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchLayerNorm(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& y, const Tensor& mean, const Tensor& rstd,
                     float epsilon);
void LaunchLayerNormInputGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                              const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                              const Tensor& passed, const Tensor& dx);
void LaunchLayerNormWeightGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                               const Tensor& mean, const Tensor& rstd, const Tensor& dweight,
                               const Tensor& dbias);
void LaunchAddLayerNorm(const CudaQueue& queue, const Tensor& a, const Tensor& b,
                        const Tensor& weight, const Tensor& bias, const Tensor& sum,
                        const Tensor& y, const Tensor& mean, const Tensor& rstd, float epsilon);

}  // namespace pprun::kernels
