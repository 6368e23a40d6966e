#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"

namespace pprun::kernels {
namespace {

struct DropoutTest : testing::Test {
  CpuQueue queue{1};
  StepState state{.step = 4};
  RandomKey key{.seed = 1, .layer = 2, .operation = 3, .first_sample = 0, .state = &state};

  Array Drop(Array x, const RandomKey& with, float probability = 0.25F) {
    Array y = Poisoned(x.shape);
    LaunchDropout(queue, x.View(), y.View(), probability, with);
    return y;
  }
};

Array Ones(const Shape& shape) { return RandomFloats(shape, 1, 1, 1); }

TEST_F(DropoutTest, DropsItsShareAndScalesTheRest) {
  Array y = Drop(Ones({4, 100, 250}), key);
  int64_t dropped = 0;
  for (const float value : y.Floats()) {
    if (value == 0.0F) {
      ++dropped;
    } else {
      ASSERT_FLOAT_EQ(value, 1 / 0.75F);
    }
  }
  // 100,000 draws: five standard deviations are 685.
  EXPECT_NEAR(static_cast<double>(dropped), 25000, 685);
}

TEST_F(DropoutTest, DropsNothingWithProbabilityZero) {
  Array x = RandomFloats({2, 37}, 5);
  EXPECT_EQ(Drop(x, key, 0), x);
}

// Elements, samples and steps are drawn independently: of two masks half the overlap is chance.
TEST_F(DropoutTest, EveryPartOfTheKeyGivesAnotherMask) {
  const Array x = Ones({1, 100, 100});
  Array base = Drop(x, key, 0.5F);
  StepState next = {.step = 5};
  RandomKey keys[] = {key, key, key, key, key};
  keys[0].seed = 7;
  keys[1].layer = 7;
  keys[2].operation = 7;
  keys[3].first_sample = 7;
  keys[4].state = &next;
  for (const RandomKey& other : keys) {
    Array y = Drop(x, other, 0.5F);
    int64_t equal = 0;
    for (size_t i = 0; i < 10000; ++i)
      equal += (y.Floats()[i] == 0.0F) == (base.Floats()[i] == 0.0F) ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(equal), 5000, 250);
  }
}

// Sizes that four does not divide: the masks of samples are those that each gets alone, whichever
// microbatch or rank it is in.
TEST_F(DropoutTest, TheMaskIsTheSameOnEveryMesh) {
  for (const int64_t width : {1, 3, 4, 30, 37, 1027}) {
    Array x = RandomFloats({6, width}, 6);
    Array whole = Drop(x, key);
    for (int64_t first = 0; first < 6; first += 2) {
      Array part(DType::kF32, {2, width});
      std::ranges::copy(
          x.Floats().subspan(static_cast<size_t>(first * width), static_cast<size_t>(2 * width)),
          part.Floats().begin());
      RandomKey part_key = key;
      part_key.first_sample = first;
      Array y = Drop(part, part_key);
      EXPECT_TRUE(
          std::ranges::equal(y.Floats(), whole.Floats().subspan(static_cast<size_t>(first * width),
                                                                static_cast<size_t>(2 * width))))
          << "width " << width << ", sample " << first;
    }
  }
}

// The gradient is the same operation on dy: what was dropped gets none.
TEST_F(DropoutTest, GradientUsesTheSameMask) {
  Array x = RandomFloats({3, 41}, 7, 1, 2);
  Array y = Drop(x, key);
  Array dx = Drop(Ones(x.shape), key);
  for (size_t i = 0; i < x.Floats().size(); ++i)
    EXPECT_FLOAT_EQ(y.Floats()[i], x.Floats()[i] * dx.Floats()[i]);
}

TEST_F(DropoutTest, WorksInPlace) {
  Array x = RandomFloats({3, 41}, 8);
  const Array y = Drop(x, key);
  LaunchDropout(queue, x.View(), x.View(), 0.25F, key);
  EXPECT_EQ(x, y);
}

}  // namespace
}  // namespace pprun::kernels
