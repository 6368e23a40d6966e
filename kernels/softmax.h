// The pieces of a numerically safe softmax over a row, for attention and the loss. Included by
// *_cpu.cc only. Tests: attention_test.cc, cross_entropy_test.cc.
#pragma once

#include <cstdint>

#include "kernels/formulas/exponential.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {

// The largest of n >= 1 values. A NaN among them is lost here, but not in the sum that follows.
PPRUN_INLINE float Maximum(const float* x, int64_t n) {
  int64_t i = 0;
  float largest = x[0];
  if (n >= kLanes) {
    FloatLanes lanes = LoadLanes(x);
    for (i = kLanes; i + kLanes <= n; i += kLanes) {
      const FloatLanes next = LoadLanes(x + i);
      lanes = next > lanes ? next : lanes;
    }
    float part[kLanes];
    StoreLanes(lanes, part);
    for (const float value : part) largest = value > largest ? value : largest;
  }
  for (; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// to[i] = exp(x[i] - shift); to may be x.
PPRUN_INLINE void ExpShifted(const float* x, float shift, int64_t n, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = Exp(x[i] - shift);
}

// The sum of exp(x[i] - shift), without keeping the terms.
PPRUN_INLINE float SumOfExpShifted(const float* x, float shift, int64_t n) {
  FloatLanes sum = {};
  float terms[kLanes];
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    ExpShifted(x + i, shift, kLanes, terms);
    sum += LoadLanes(terms);
  }
  ExpShifted(x + i, shift, n - i, terms);
  sum += LoadSomeLanes(terms, n - i);
  return SumOfLanes(sum);
}

}  // namespace pprun::kernels
