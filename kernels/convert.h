// Ranges of f32 rounded to bf16 and back, at the width of the machine's vectors. Included by
// *_cpu.cc only. Tests: elementwise_test.cc.
#pragma once

#include <cstdint>

#include "kernels/formulas/bfloat16.h"

namespace pprun::kernels {

void RoundRange(const float* source, Bfloat16* target, int64_t begin, int64_t end);
void WidenRange(const Bfloat16* source, float* target, int64_t begin, int64_t end);

}  // namespace pprun::kernels
