#include "runtime/float_conversion.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

float FromF32(float value) { return value; }
float FromF64(double value) { return static_cast<float>(value); }
float FromBF16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// 1 sign, 5 exponent and 10 mantissa bits.
float FromF16(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F;
  const int mantissa = bits & 0x3FF;
  float magnitude = 0;
  if (exponent == 0x1F) {
    magnitude = mantissa == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(mantissa + 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <typename Saved, float (*kConvert)(Saved)>
void Convert(std::span<const std::byte> bytes, std::span<float> values) {
  CHECK(bytes.size() == values.size() * sizeof(Saved));
  const std::byte* from = bytes.data();
  for (float& value : values) {
    Saved saved;
    std::memcpy(&saved, from, sizeof(saved));
    from += sizeof(saved);
    value = kConvert(saved);
  }
}

}  // namespace

bool IsSavedFloat(std::string_view dtype) {
  return dtype == "F32" || dtype == "BF16" || dtype == "F16" || dtype == "F64";
}

void ReadSavedFloats(std::string_view dtype, std::span<const std::byte> bytes,
                     std::span<float> values) {
  CHECK(IsSavedFloat(dtype));
  if (dtype == "F32") return Convert<float, FromF32>(bytes, values);
  if (dtype == "F64") return Convert<double, FromF64>(bytes, values);
  if (dtype == "BF16") return Convert<uint16_t, FromBF16>(bytes, values);
  Convert<uint16_t, FromF16>(bytes, values);
}

}  // namespace pprun
