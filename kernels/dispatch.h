// From an operation of the plan to its launcher: one switch with a case for every kind
// (dispatch_operation.h).
// Operands stand in the order of the kind's signature (compiler/plan/operation.h); an absent
// optional one is a null tensor. Tests: dispatch_test.cc.
#pragma once

#include <span>

#include "compiler/plan/operation.h"
#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

// Runs the operation and returns when its results are there. `key` is used by random operations
// only.
void LaunchOnCpu(const CpuQueue& queue, OpKind kind, const OpAttributes& attributes,
                 std::span<const Tensor> operands, const RandomKey& key);

// Appends the operation to the queue's stream. Activations and compute weights are all f32 or all
// bf16; what is f32 in every precision: gradients of parameters, statistics of norms and of the
// softmax. Throws for other types. Where PPRUN_CUDA is built.
void LaunchOnCuda(const CudaQueue& queue, OpKind kind, const OpAttributes& attributes,
                  std::span<const Tensor> operands, const RandomKey& key);

}  // namespace pprun::kernels
