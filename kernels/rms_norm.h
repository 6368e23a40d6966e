// rms_norm (Zhang and Sennrich 2019) over the last dimension: with rstd = 1 / sqrt(average(x^2) +
// epsilon), y = x rstd weight. x and y f32[b, s, d], weight f32[d]; rstd f32[b, s] is kept for the
// gradients:
//   g = dy weight, dx = rstd (g - x rstd^2 average(g x))
//   dweight += sum over rows of dy x rstd, rows in ascending order.
// Where `passed` is there, dx is added to it: what reaches x's gradient by another way. y may be x,
// and dx may be dy. Tests: rms_norm_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchRmsNorm(const CpuQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& y,
                   const Tensor& rstd, float epsilon);
void LaunchRmsNormInputGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& weight, const Tensor& rstd, const Tensor& passed,
                            const Tensor& dx);
void LaunchRmsNormWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                             const Tensor& rstd, const Tensor& dweight);

// sum = a + b, then y and rstd of it.
void LaunchAddRmsNorm(const CpuQueue& queue, const Tensor& a, const Tensor& b, const Tensor& weight,
                      const Tensor& sum, const Tensor& y, const Tensor& rstd, float epsilon);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchRmsNorm(const CudaQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& y,
                   const Tensor& rstd, float epsilon);
void LaunchRmsNormInputGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& weight, const Tensor& rstd, const Tensor& passed,
                            const Tensor& dx);
void LaunchRmsNormWeightGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                             const Tensor& rstd, const Tensor& dweight);
void LaunchAddRmsNorm(const CudaQueue& queue, const Tensor& a, const Tensor& b,
                      const Tensor& weight, const Tensor& sum, const Tensor& y, const Tensor& rstd,
                      float epsilon);

}  // namespace pprun::kernels
