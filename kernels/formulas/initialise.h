// A standard normal number for each element of a parameter: Box and Muller 1958 on two Philox
// words, in double. The logarithm and the cosine are the machine's, right to about an ulp of a
// double; CPU and GPU therefore agree after rounding to float, but for about one element in 10^8.
// Tests: initialise_test.cc, gpu/kernels_check.cc.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/formulas/host_device.h"
#include "kernels/random.h"

namespace pprun::kernels {

// One call of the generator gives elements 2 * pair and 2 * pair + 1, and uses two of its four
// words. The third word of the counter tells initialisation from other uses of a key.
PPRUN_HOST_DEVICE float NormalElement(uint64_t key, int64_t element) {
  constexpr uint32_t kInitialise = 0x696E6974U;
  constexpr double kTwicePi = 6.283185307179586;
  const uint64_t pair = static_cast<uint64_t>(element) / 2;
  const Philox bits = Philox4x32(
      {{static_cast<uint32_t>(pair), static_cast<uint32_t>(pair >> 32), kInitialise, 0}}, key);
  const double radius = sqrt(-2.0 * log(UniformAboveZero(bits.word[0])));
  const double angle = kTwicePi * UniformAboveZero(bits.word[1]);
  return static_cast<float>(radius * (element % 2 == 0 ? cos(angle) : sin(angle)));
}

}  // namespace pprun::kernels
