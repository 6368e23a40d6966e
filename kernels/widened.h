// How the CPU computes in bf16: an operation's bf16 operands are widened to f32, its f32 kernel
// runs, and what it wrote is rounded once. So each kernel is stated once, and an element is what a
// kernel with bf16 memory and f32 arithmetic makes of it. Products are an exception where the
// linear algebra multiplies bf16 itself. Included by *_cpu.cc and
// tests only. Tests: bfloat16_test.cc.
#pragma once

#include <functional>
#include <span>

#include "compiler/plan/operation.h"
#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;

// Whether the operation is launched as its parts (fused_cpu.cc), each of which widens by itself.
bool HasParts(OpKind kind);

// Whether the operation has bf16 operands that its kernel does not take as they are.
bool WantsWidening(const CpuQueue& queue, OpKind kind, std::span<const Tensor> operands);

// Calls `launch` with f32 in the place of bf16, then rounds.
void LaunchWidened(const CpuQueue& queue, OpKind kind, std::span<const Tensor> operands,
                   const std::function<void(std::span<const Tensor>)>& launch);

}  // namespace pprun::kernels
