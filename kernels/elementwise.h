// The few elementwise steps that belong to no layer: zero, add_into, cast. Any shape; both
// operands have the same number of elements. Tests: elementwise_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

// target = 0, of any type.
void LaunchZero(const CpuQueue& queue, const Tensor& target);
// target += source, both f32 or both f64.
void LaunchAddInto(const CpuQueue& queue, const Tensor& target, const Tensor& source);
// target = source, f32 to bf16 (to nearest, ties to even; NaN stays NaN), bf16 to f32, or equal
// types.
void LaunchCast(const CpuQueue& queue, const Tensor& source, const Tensor& target);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchZero(const CudaQueue& queue, const Tensor& target);
void LaunchAddInto(const CudaQueue& queue, const Tensor& target, const Tensor& source);
void LaunchCast(const CudaQueue& queue, const Tensor& source, const Tensor& target);

}  // namespace pprun::kernels
