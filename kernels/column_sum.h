// Sums over rows, column by column, in ascending row order from zero; the sum is then added to what
// was there. What the gradients of biases and of norm weights are made of. Included by *_cpu.cc
// only. Tests: linear_test.cc, layer_norm_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/vectorise.h"

namespace pprun::kernels {

// target[j] += sum over rows of term(row, j), j in [begin, end). The sums of 1024 columns at a time
// stay in the first cache, while rows are read in long pieces.
template <class Term>
PPRUN_INLINE void AddColumnSums(int64_t rows, int64_t begin, int64_t end, float* target,
                                const Term& term) {
  constexpr int64_t kWidth = 1024;
  float sum[kWidth];
  for (int64_t first = begin; first < end; first += kWidth) {
    const int64_t width = std::min(kWidth, end - first);
    std::fill_n(sum, width, 0.0F);
    for (int64_t row = 0; row < rows; ++row) {
#pragma omp simd
      for (int64_t k = 0; k < width; ++k) sum[k] += term(row, first + k);
    }
    for (int64_t k = 0; k < width; ++k) target[first + k] += sum[k];
  }
}

}  // namespace pprun::kernels
