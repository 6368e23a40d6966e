// positions: y[i, p, :] = x[i, p, :] + table[p, :], learned position embeddings; x and y f32[b, s,
// d], table f32[S, d] with S >= s. y may be x. The gradient of x is dy; the weight gradient adds
// dy[i, p, :] to dtable[p, :], samples in ascending order. Tests: embedding_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

void LaunchPositions(const CpuQueue& queue, const Tensor& x, const Tensor& table, const Tensor& y);
void LaunchPositionsWeightGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& dtable);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchPositions(const CudaQueue& queue, const Tensor& x, const Tensor& table, const Tensor& y);
void LaunchPositionsWeightGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& dtable);

}  // namespace pprun::kernels
