// dropout (Srivastava et al. 2014, inverted): y = 0 with the given probability, else x / (1 -
// probability). Which elements go depends on (seed, step, layer, operation, global sample, element
// within the sample) alone, so no mesh changes it; the sample of row i of the first dimension is
// key.first_sample + i. The gradient is the same operation on dy. f32, one shape; y may be x;
// probability in [0, 1). Tests: dropout_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchDropout(const CpuQueue& queue, const Tensor& x, const Tensor& y, float probability,
                   const RandomKey& key);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchDropout(const CudaQueue& queue, const Tensor& x, const Tensor& y, float probability,
                   const RandomKey& key);

}  // namespace pprun::kernels
