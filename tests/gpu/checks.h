// The checks: every kernel of kernels/*_cuda.cu against the CPU's on fresh random data.
#pragma once

#include <cstdint>

#include "kernels/cpu_queue.h"
#include "kernels/cuda_queue.h"
#include "tests/gpu/check_table.h"
#include "tests/gpu/supervise.h"

namespace pprun::gpu {

// kSmall: sizes for an emulated GPU. kFull adds those of real models.
enum class Extent : uint8_t { kSmall, kFull };

struct CheckContext {
  const kernels::CpuQueue& cpu;
  const kernels::CudaQueue& cuda;
  Extent extent = Extent::kFull;
  uint32_t seed = 0;
  CheckRunner& runner;
};

inline constexpr double kFloatTolerance = 1e-5;
// Of f32 and its rounded copies together.
inline constexpr double kRoundedTolerance = 1e-3;
inline constexpr double kBfloat16Tolerance = 2e-2;

// Each operation of the plan, in f32 and bf16, aligned and not, in place where that is allowed,
// without its optional operands, twice.
void CheckOperations(const CheckContext& context);
// Attention of bf16 again, for a queue that leaves none of it to a library.
void CheckOwnAttention(const CheckContext& context);
// The gradient of a linear layer's weights again, for a queue that sums that of the bias itself.
void CheckOwnBiasGrad(const CheckContext& context);
// What belongs to no operation: zero, scale, add_into, cast, initialise.
void CheckElementwise(const CheckContext& context);
// Norm, clipping and updates.
void CheckOptimizer(const CheckContext& context);

// What the runtime launches between them: sums over ranks, marks.
void CheckRuntime(const CheckContext& context);

}  // namespace pprun::gpu
