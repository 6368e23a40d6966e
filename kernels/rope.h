// rope: rotary position embedding (Su et al. 2021) of the queries and keys in a packed qkv f32[b,
// s, (h + 2k) c], in the pairing of Hugging Face's Llama: with j < c/2 and angle = p theta^(-2j/c)
// at position p,
//   y[j] = x[j] cos - x[j + c/2] sin, y[j + c/2] = x[j + c/2] cos + x[j] sin;
// values are copied. rope_grad is the inverse rotation of dy. y may be x. c must be even. Tests:
// rope_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

// Which part of x's last dimension is what.
struct RopeSizes {
  int64_t heads = 0;
  int64_t kv_heads = 0;
  float theta = 0;
};

void LaunchRope(const CpuQueue& queue, const Tensor& x, const Tensor& y, const RopeSizes& sizes);
void LaunchRopeGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& dx,
                    const RopeSizes& sizes);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchRope(const CudaQueue& queue, const Tensor& x, const Tensor& y, const RopeSizes& sizes);
void LaunchRopeGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& dx,
                    const RopeSizes& sizes);

}  // namespace pprun::kernels
