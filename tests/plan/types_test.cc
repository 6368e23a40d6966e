// Shapes and tensor types.
#include "compiler/plan/types.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

TEST(Types, ShapesCountTheirElements) {
  EXPECT_EQ(Shape({}).Elements(), 1);
  EXPECT_EQ(Shape({8, 128, 512}).Elements(), 8 * 128 * 512);
  EXPECT_EQ((TensorType{DType::kBF16, {3, 5}}.Bytes()), 30);
  EXPECT_EQ(ToString(TensorType{DType::kF32, {8, 128}}), "f32[8, 128]");
  EXPECT_EQ(ToString(Shape{}), "[]");
}

TEST(Types, ImpossibleShapesHaveNoElements) {
  EXPECT_EQ(Shape({2, 3}).ElementsIfValid(), 6);
  EXPECT_EQ(Shape({2, 0}).ElementsIfValid(), std::nullopt);
  EXPECT_EQ(Shape({-2, -3}).ElementsIfValid(), std::nullopt);
  EXPECT_EQ(Shape({INT64_MAX, INT64_MAX}).ElementsIfValid(), std::nullopt);
  EXPECT_EQ(Shape({int64_t{1} << 24, int64_t{1} << 24}).ElementsIfValid(), int64_t{1} << 48);
  EXPECT_EQ(Shape({int64_t{1} << 24, int64_t{1} << 25}).ElementsIfValid(), std::nullopt);
  Shape bad;
  bad.rank = 5;
  EXPECT_EQ(bad.ElementsIfValid(), std::nullopt);
}

}  // namespace
}  // namespace pprun
