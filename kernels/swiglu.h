// swiglu: y = silu(gate) * up (Shazeer 2020), and its gradient: dup = dy silu(gate), dgate = dy up
// silu'(gate). All tensors are f32 of one shape; y may be gate or up, and a gradient may be dy,
// gate or up of its own place. Tests: activation_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchSwiglu(const CpuQueue& queue, const Tensor& gate, const Tensor& up, const Tensor& y);
void LaunchSwigluGrad(const CpuQueue& queue, const Tensor& gate, const Tensor& up, const Tensor& dy,
                      const Tensor& dgate, const Tensor& dup);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchSwiglu(const CudaQueue& queue, const Tensor& gate, const Tensor& up, const Tensor& y);
void LaunchSwigluGrad(const CudaQueue& queue, const Tensor& gate, const Tensor& up,
                      const Tensor& dy, const Tensor& dgate, const Tensor& dup);

}  // namespace pprun::kernels
