// From an operation of the plan to its CPU launcher: one switch with a case for every kind.
// Operands stand in the order of the kind's signature (compiler/plan/operation.h); an absent
// optional one is a null tensor. Tests: dispatch_test.cc.
#pragma once

#include <span>

#include "compiler/plan/operation.h"
#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;

// Runs the operation and returns when its results are there. `key` is used by random operations
// only.
void LaunchOnCpu(const CpuQueue& queue, OpKind kind, const OpAttributes& attributes,
                 std::span<const Tensor> operands, const RandomKey& key);

}  // namespace pprun::kernels
