// linear: y = x W^T + bias, with x f32[..., d], W f32[n, d], bias f32[n] (optional), y f32[..., n];
// and its gradients dx = dy W, dW += dy^T x, dbias += the sum of dy's rows in ascending order.
// Everything before the last dimension counts as rows. No output overlaps an input. Tests:
// linear_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchLinear(const CpuQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y);
void LaunchLinearInputGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx);
void LaunchLinearWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& dweight, const Tensor& dbias);
// y = x W^T + bias + a, with a of y's shape.
void LaunchLinearAdd(const CpuQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& a, const Tensor& y);
// pre = x W^T + bias and y = gelu_tanh(pre); and of such a y's gradient dy W, that of pre.
void LaunchLinearGeluTanh(const CpuQueue& queue, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& pre, const Tensor& y);
void LaunchLinearInputGradGeluTanh(const CpuQueue& queue, const Tensor& dy, const Tensor& weight,
                                   const Tensor& pre, const Tensor& dpre);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchLinear(const CudaQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y);
void LaunchLinearInputGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx);
void LaunchLinearWeightGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& dweight, const Tensor& dbias);
void LaunchLinearAdd(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& a, const Tensor& y);
void LaunchLinearGeluTanh(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& pre, const Tensor& y);
void LaunchLinearInputGradGeluTanh(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                                   const Tensor& pre, const Tensor& dpre);

}  // namespace pprun::kernels
