#include "runtime/float_conversion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace pprun {
namespace {

template <typename Saved>
std::vector<float> Converted(std::string_view dtype, const std::vector<Saved>& saved) {
  std::vector<float> values(saved.size());
  ReadSavedFloats(dtype, std::as_bytes(std::span(saved)), values);
  return values;
}

TEST(FloatConversion, ReadsF32AndF64) {
  EXPECT_EQ(Converted<float>("F32", {1.5F, -0.0F, 1e-40F}),
            (std::vector<float>{1.5F, -0.0F, 1e-40F}));
  EXPECT_EQ(Converted<double>("F64", {0.1, -2}), (std::vector<float>{0.1F, -2}));
}

TEST(FloatConversion, ReadsBF16) {
  EXPECT_EQ(Converted<uint16_t>("BF16", {0x3F80, 0xC000, 0x0001}),
            (std::vector<float>{1, -2, std::ldexp(1.0F, -133)}));
}

TEST(FloatConversion, ReadsF16) {
  EXPECT_EQ(Converted<uint16_t>("F16", {0x3C00, 0xC000, 0x3555, 0x7BFF, 0x0001, 0x03FF, 0x0400}),
            (std::vector<float>{1, -2, 0.333251953125F, 65504, std::ldexp(1.0F, -24),
                                std::ldexp(1023.0F, -24), std::ldexp(1.0F, -14)}));
  const std::vector<float> special = Converted<uint16_t>("F16", {0x7C00, 0xFC00, 0x7E00, 0x8000});
  EXPECT_EQ(special[0], INFINITY);
  EXPECT_EQ(special[1], -INFINITY);
  EXPECT_TRUE(std::isnan(special[2]));
  EXPECT_TRUE(special[3] == 0 && std::signbit(special[3]));
}

TEST(FloatConversion, KnowsWhatIsAFloat) {
  EXPECT_TRUE(IsSavedFloat("F16"));
  EXPECT_FALSE(IsSavedFloat("I32"));
  EXPECT_FALSE(IsSavedFloat("F8_E4M3"));
}

}  // namespace
}  // namespace pprun
