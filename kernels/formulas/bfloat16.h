// bf16: the upper half of a float. Conversion rounds to nearest, ties to even; NaN stays NaN.
// Tests: elementwise_test.cc.
#pragma once

#include <cstdint>

#include "kernels/formulas/exponential.h"
#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

struct Bfloat16 {
  uint16_t bits;
};

PPRUN_HOST_DEVICE uint16_t BitsOfBfloat16(float value) {
  const uint32_t bits = static_cast<uint32_t>(BitsOf(value));
  const uint32_t rounded = bits + 0x7FFFU + ((bits >> 16) & 1U);
  const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  return static_cast<uint16_t>((is_nan ? bits | 0x00400000U : rounded) >> 16);
}

PPRUN_HOST_DEVICE float FloatOfBfloat16(uint16_t bits) {
  return FloatOf(static_cast<int32_t>(static_cast<uint32_t>(bits) << 16));
}

}  // namespace pprun::kernels
