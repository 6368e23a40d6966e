#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <bit>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"

namespace pprun::kernels {
namespace {

TEST(Zero, ClearsEveryType) {
  const CpuQueue queue(1);
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kI32}) {
    Array array(dtype, {3, 7});
    std::ranges::fill(array.memory, ~uint64_t{0});
    LaunchZero(queue, array.View());
    const auto* bytes = reinterpret_cast<const unsigned char*>(array.memory.data());
    for (int64_t i = 0; i < 21 * SizeOf(dtype); ++i) EXPECT_EQ(bytes[i], 0);
  }
}

TEST(AddInto, AddsBothFloatTypes) {
  const CpuQueue queue(1);
  Array target = RandomFloats({37}, 2);
  Array source = RandomFloats({37}, 3);
  Array before = target;
  LaunchAddInto(queue, target.View(), source.View());
  for (size_t i = 0; i < 37; ++i)
    EXPECT_EQ(target.Floats()[i], before.Floats()[i] + source.Floats()[i]);
  Array loss(DType::kF64, {});
  Array part(DType::kF64, {});
  loss.Doubles()[0] = 1.5;
  part.Doubles()[0] = 1e-12;
  LaunchAddInto(queue, loss.View(), part.View());
  EXPECT_EQ(loss.Doubles()[0], 1.5 + 1e-12);
}

uint16_t Shortened(float value) {
  Array from(DType::kF32, {1});
  from.Floats()[0] = value;
  Array to(DType::kBF16, {1});
  LaunchCast(CpuQueue(1), from.View(), to.View());
  return static_cast<uint16_t>(to.memory[0]);
}

TEST(Cast, RoundsToNearestWithTiesToEven) {
  EXPECT_EQ(Shortened(1.0F), 0x3F80);
  EXPECT_EQ(Shortened(-2.0F), 0xC000);
  EXPECT_EQ(Shortened(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // a tie, down to even
  EXPECT_EQ(Shortened(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // a tie, up to even
  EXPECT_EQ(Shortened(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(Shortened(std::bit_cast<float>(0x7F7FFFFFU)), 0x7F80);  // overflows to infinity
  EXPECT_EQ(Shortened(INFINITY), 0x7F80);
  EXPECT_EQ(Shortened(std::bit_cast<float>(0x7F800001U)) & 0x7FC0, 0x7FC0);  // stays NaN
}

TEST(Cast, ThereAndBackIsWithinHalfAnUlp) {
  const CpuQueue queue(1);
  Array x = RandomFloats({3, 37}, 4, -100, 100);
  Array shortened(DType::kBF16, x.shape);
  Array back = Poisoned(x.shape);
  LaunchCast(queue, x.View(), shortened.View());
  LaunchCast(queue, shortened.View(), back.View());
  ExpectClose(back.Floats(), ToDoubles(x.Floats()), 0x1p-8, 0);
  Array again(DType::kBF16, x.shape);
  LaunchCast(queue, back.View(), again.View());
  EXPECT_EQ(again, shortened);
}

TEST(Cast, CopiesEqualTypes) {
  Array x = RandomFloats({37}, 5);
  Array y = Poisoned(x.shape);
  LaunchCast(CpuQueue(1), x.View(), y.View());
  EXPECT_EQ(x, y);
}

}  // namespace
}  // namespace pprun::kernels
