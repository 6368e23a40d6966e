// Sums over rows, column by column, in ascending row order from zero; the sum is then added to what
// was there. What the gradients of biases and of norm weights are made of. Included by *_cpu.cc
// only. Tests: linear_test.cc, layer_norm_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/vectorise.h"

namespace pprun::kernels {

// target[j] += sum over rows of term(row, j), j in [begin, end). 64 columns at a time stay in
// registers.
template <class Term>
PPRUN_INLINE void AddColumnSums(int64_t rows, int64_t begin, int64_t end, float* target,
                                const Term& term) {
  constexpr int64_t kWidth = 64;
  int64_t j = begin;
  for (; j + kWidth <= end; j += kWidth) {
    float sum[kWidth] = {};
    for (int64_t row = 0; row < rows; ++row) {
#pragma omp simd
      for (int64_t k = 0; k < kWidth; ++k) sum[k] += term(row, j + k);
    }
    for (int64_t k = 0; k < kWidth; ++k) target[j + k] += sum[k];
  }
  if (j == end) return;
  float sum[kWidth] = {};
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = 0; k < end - j; ++k) sum[k] += term(row, j + k);
  }
  for (int64_t k = 0; k < end - j; ++k) target[j + k] += sum[k];
}

}  // namespace pprun::kernels
