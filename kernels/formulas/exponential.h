// exp() for floats out of arithmetic alone, so that loops over it vectorise and every vector width,
// and the scalar end of a loop, computes the same bits. At most 2 ulp from the true value; 0 where
// the result would be subnormal, infinity where it overflows, NaN for NaN. The GPU has an
// instruction for it, which CUDA's expf() uses; that is as precise, but other bits. Tests:
// activation_test.cc.
//
// x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite 1980: ln 2 in two parts), exp(r) by its
// Taylor polynomial of degree 7, whose remainder is below 2^-27.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

PPRUN_HOST_DEVICE int32_t BitsOf(float value) {
#ifdef __CUDA_ARCH__
  return __float_as_int(value);
#else
  int32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
#endif
}

PPRUN_HOST_DEVICE float FloatOf(int32_t bits) {
#ifdef __CUDA_ARCH__
  return __int_as_float(bits);
#else
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
#endif
}

PPRUN_HOST_DEVICE float Exp(float x) {
#ifdef __CUDA_ARCH__
  return expf(x);
#else
  constexpr float kLowest = -87.33654F;  // exp of less is below the smallest normal float
  constexpr float kHighest = 89.0F;      // exp of this is infinity
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // its low bits are zero, so that n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound =
      12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  // NaN fails every comparison and so passes through.
  float clamped = x < kLowest ? kLowest : x;
  clamped = clamped > kHighest ? kHighest : clamped;
  const float shifted = clamped * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  // 2^n in two factors, since n may be 128.
  const int32_t exponent = BitsOf(shifted) - BitsOf(kRound);
  const int32_t half = exponent >> 1;
  const float y = p * FloatOf((half + 127) << 23) * FloatOf((exponent - half + 127) << 23);
  return x < kLowest ? 0.0F : y;
#endif
}

// 1 / x for x >= 1, at most 2 ulp from the true value on the GPU.
PPRUN_HOST_DEVICE float Reciprocal(float x) {
#ifdef __CUDA_ARCH__
  return __fdividef(1.0F, x);
#else
  return 1.0F / x;
#endif
}

}  // namespace pprun::kernels
