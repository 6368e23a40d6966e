// attention: causal multi-head attention with grouped queries (Vaswani et al. 2017; Ainslie et al.
// 2023). qkv f32[b, s, (h + 2k) c] holds each position's h queries, then k keys, then k values, c
// wide; query head i uses key and value head i / (h / k). With S[p, j] = q_p . k_j / sqrt(c) for j
// <= p,
//   lse[p] = log(sum over j <= p of exp(S[p, j])), P = exp(S - lse), y_p = sum over j <= p of P[p,
//   j] v_j,
// y f32[b, s, h c], lse f32[b, h, s]. The gradient recomputes P from lse (as FlashAttention does,
// Dao et al. 2022):
//   D[p] = dy_p . y_p, dV = P^T dY, dS = P (dY V^T - D), dQ = dS K / sqrt(c), dK = dS^T Q /
//   sqrt(c),
// sums over the query heads of a group in ascending order. Every element of dqkv is written.
// Tests: attention_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

struct AttentionHeads {
  int64_t heads = 0;
  int64_t kv_heads = 0;
};

void LaunchAttention(const CpuQueue& queue, const Tensor& qkv, const Tensor& y, const Tensor& lse,
                     const AttentionHeads& heads);
void LaunchAttentionGrad(const CpuQueue& queue, const Tensor& qkv, const Tensor& y,
                         const Tensor& lse, const Tensor& dy, const Tensor& dqkv,
                         const AttentionHeads& heads);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchAttention(const CudaQueue& queue, const Tensor& qkv, const Tensor& y, const Tensor& lse,
                     const AttentionHeads& heads);
void LaunchAttentionGrad(const CudaQueue& queue, const Tensor& qkv, const Tensor& y,
                         const Tensor& lse, const Tensor& dy, const Tensor& dqkv,
                         const AttentionHeads& heads);

}  // namespace pprun::kernels
