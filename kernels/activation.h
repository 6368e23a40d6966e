// The activation functions, element by element: gelu (exact), gelu_tanh (GPT-2's), silu, relu.
// Formulas, derivatives and sources: formulas/activation.h. All tensors are f32 of one shape; y may
// be x, and dx may be dy. Tests: activation_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchGelu(const CpuQueue& queue, const Tensor& x, const Tensor& y);
void LaunchGeluGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);
void LaunchGeluTanh(const CpuQueue& queue, const Tensor& x, const Tensor& y);
void LaunchGeluTanhGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);
void LaunchSilu(const CpuQueue& queue, const Tensor& x, const Tensor& y);
void LaunchSiluGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);
void LaunchRelu(const CpuQueue& queue, const Tensor& x, const Tensor& y);
void LaunchReluGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchGelu(const CudaQueue& queue, const Tensor& x, const Tensor& y);
void LaunchGeluGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);
void LaunchGeluTanh(const CudaQueue& queue, const Tensor& x, const Tensor& y);
void LaunchGeluTanhGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                        const Tensor& dx);
void LaunchSilu(const CudaQueue& queue, const Tensor& x, const Tensor& y);
void LaunchSiluGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);
void LaunchRelu(const CudaQueue& queue, const Tensor& x, const Tensor& y);
void LaunchReluGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx);

}  // namespace pprun::kernels
