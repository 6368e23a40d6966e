// embedding: y[t, :] = table[tokens[t], :], with tokens i32[b, s], table f32[V, d], y f32[b, s, d].
// Its weight gradient adds dy[t, :] to dtable[tokens[t], :], tokens in ascending order. Tokens lie
// in [0, V). Tests: embedding_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchEmbedding(const CpuQueue& queue, const Tensor& tokens, const Tensor& table,
                     const Tensor& y);
void LaunchEmbeddingWeightGrad(const CpuQueue& queue, const Tensor& tokens, const Tensor& dy,
                               const Tensor& dtable);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchEmbedding(const CudaQueue& queue, const Tensor& tokens, const Tensor& table,
                     const Tensor& y);
void LaunchEmbeddingWeightGrad(const CudaQueue& queue, const Tensor& tokens, const Tensor& dy,
                               const Tensor& dtable);

}  // namespace pprun::kernels
