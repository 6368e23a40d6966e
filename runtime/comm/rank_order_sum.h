// The sum of several ranks' buffers, element by element, in rank order: its bits depend neither on
// timing nor on who computes which part. bf16 adds in f32 and rounds once. Tests:
// local_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "compiler/plan/types.h"

namespace pprun {

// targets[*][i] = sources[0][i] + sources[1][i] + ... for elements [begin, end). A target may be a
// source.
void SumInRankOrder(DType dtype, std::span<const void* const> sources,
                    std::span<void* const> targets, int64_t begin, int64_t end);

}  // namespace pprun
