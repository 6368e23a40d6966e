// How the CPU kernels use whatever vector unit the machine has, without -march and without a bit's
// difference.
//
// PPRUN_VECTORISED before a function compiles it for AVX-512, AVX2 and the baseline and picks one
// when the program starts. No kernel contracts a multiplication and an addition (except the
// products in plain_product.cc, which always do where they can), and a sum over lanes always has
// kLanes partial sums, so all three give the same bits. Tests: every kernel's test; the sums in
// layer_norm_test.cc.
#pragma once

#include <cstdint>
#include <cstring>

// Sanitizers cannot run the resolvers that choose a version, which run before they are set up.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PPRUN_VECTORISED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PPRUN_VECTORISED
#endif

#define PPRUN_INLINE inline __attribute__((always_inline))

namespace pprun::kernels {

inline constexpr int kLanes = 16;

// One AVX-512 register, two of AVX2, four of SSE.
using FloatLanes = float __attribute__((vector_size(kLanes * sizeof(float))));

PPRUN_INLINE FloatLanes LoadLanes(const float* from) {
  FloatLanes lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

PPRUN_INLINE void StoreLanes(FloatLanes lanes, float* to) {
  std::memcpy(to, &lanes, sizeof(lanes));
}

// The first `count` (fewer than kLanes), zeros above.
PPRUN_INLINE FloatLanes LoadSomeLanes(const float* from, int64_t count) {
  float padded[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) padded[i] = from[i];
  return LoadLanes(padded);
}

PPRUN_INLINE FloatLanes Broadcast(float value) { return value - FloatLanes{}; }

// The sum of the lanes, by halves.
PPRUN_INLINE float SumOfLanes(FloatLanes lanes) {
  float part[kLanes];
  StoreLanes(lanes, part);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) part[i] += part[i + width];
  }
  return part[0];
}

PPRUN_INLINE float Dot(const float* a, const float* b, int64_t n) {
  FloatLanes sum = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += LoadLanes(a + i) * LoadLanes(b + i);
  if (i < n) sum += LoadSomeLanes(a + i, n - i) * LoadSomeLanes(b + i, n - i);
  return SumOfLanes(sum);
}

PPRUN_INLINE float Sum(const float* a, int64_t n) {
  FloatLanes sum = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += LoadLanes(a + i);
  if (i < n) sum += LoadSomeLanes(a + i, n - i);
  return SumOfLanes(sum);
}

}  // namespace pprun::kernels
