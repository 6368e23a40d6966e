#include "kernels/rope.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

constexpr reference::Heads kHeads = {
    .samples = 2, .positions = 9, .heads = 4, .kv_heads = 2, .width = 6};
constexpr RopeSizes kSizes = {.heads = 4, .kv_heads = 2, .theta = 10000};

struct RopeTest : testing::Test {
  CpuQueue queue{1};
  Array x = RandomFloats({kHeads.samples, kHeads.positions, kHeads.Row()}, 1);
};

TEST_F(RopeTest, MatchesTheReference) {
  Array y = Poisoned(x.shape);
  LaunchRope(queue, x.View(), y.View(), kSizes);
  ExpectClose(y.Floats(), reference::Rope(ToDoubles(x.Floats()), kHeads, 10000), 1e-5, 0.1);
}

TEST_F(RopeTest, GradientMatchesCentralDifferences) {
  Array dy = RandomFloats(x.shape, 2);
  Array dx = Poisoned(x.shape);
  LaunchRopeGrad(queue, dy.View(), dx.View(), kSizes);
  const auto numeric =
      reference::NumericGradient([](const auto& at) { return reference::Rope(at, kHeads, 10000); },
                                 ToDoubles(x.Floats()), ToDoubles(dy.Floats()));
  ExpectClose(dx.Floats(), numeric, 1e-5, 0.1);
}

TEST_F(RopeTest, WorksInPlace) {
  Array y = Poisoned(x.shape);
  LaunchRope(queue, x.View(), y.View(), kSizes);
  LaunchRope(queue, x.View(), x.View(), kSizes);
  EXPECT_EQ(x, y);
}

// One queue serves models of several sizes: the table of angles follows.
TEST_F(RopeTest, FollowsTheSizesOfEachCall) {
  Array shorter = RandomFloats({2, 5, kHeads.Row()}, 3);
  Array y = Poisoned(x.shape);
  Array again = Poisoned(x.shape);
  LaunchRope(queue, x.View(), y.View(), kSizes);
  Array other = Poisoned(shorter.shape);
  LaunchRope(queue, shorter.View(), other.View(), {.heads = 4, .kv_heads = 2, .theta = 500});
  reference::Heads heads = kHeads;
  heads.positions = 5;
  ExpectClose(other.Floats(), reference::Rope(ToDoubles(shorter.Floats()), heads, 500), 1e-5, 0.1);
  LaunchRope(queue, x.View(), again.View(), kSizes);
  EXPECT_EQ(y, again);
}

}  // namespace
}  // namespace pprun::kernels
