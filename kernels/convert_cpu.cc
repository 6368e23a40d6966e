#include "kernels/convert.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {

PPRUN_VECTORISED
void RoundRange(const float* source, Bfloat16* target, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) target[i].bits = BitsOfBfloat16(source[i]);
}

PPRUN_VECTORISED
void WidenRange(const Bfloat16* source, float* target, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) target[i] = FloatOfBfloat16(source[i].bits);
}

}  // namespace pprun::kernels
