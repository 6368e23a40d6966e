// What the runtime itself launches between the plan's kernels: the sum of the buffers of ranks that
// share a GPU, and marks that tell the host how far a stream is. On CUDA only. Tests:
// gpu/runtime_checks.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "compiler/plan/types.h"

namespace pprun::kernels {

struct CudaQueue;

// Sources, and targets, of one sum.
inline constexpr size_t kMostRanks = 128;

// targets[*][i] = sources[0][i] + sources[1][i] + ..., added in that order; a target may be a
// source. f32, f64, i32 (which wraps around), or bf16, which adds in f32 and rounds once: the bits
// of runtime/comm/rank_order_sum.h. Reads every source once, writes every target once.
void LaunchRankSum(const CudaQueue& queue, DType dtype, std::span<const void* const> sources,
                   std::span<void* const> targets, int64_t elements);

// *word = value, once everything before it on the stream is done. `word` is pinned memory of the
// host, which any thread may watch.
void LaunchMark(const CudaQueue& queue, int64_t* word, int64_t value);

}  // namespace pprun::kernels
