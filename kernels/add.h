// add: y = a + b, the residual connection. All f32 of one shape; y may be a or b. Its gradient is
// dy for both, so it has no kernel. Tests: add_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchAdd(const CpuQueue& queue, const Tensor& a, const Tensor& b, const Tensor& y);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchAdd(const CudaQueue& queue, const Tensor& a, const Tensor& b, const Tensor& y);

}  // namespace pprun::kernels
