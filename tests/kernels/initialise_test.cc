#include "kernels/initialise.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"

namespace pprun::kernels {
namespace {

constexpr InitialiseKey kKey = {.seed = 1, .name = 2, .first_element = 0};
constexpr Distribution kNormal = {.kind = Distribution::Kind::kNormal, .stddev = 0.02F};

Array Initialised(int64_t elements, const Distribution& distribution, const InitialiseKey& key) {
  const CpuQueue queue(1);
  Array array = Poisoned({elements});
  LaunchInitialise(queue, array.View(), distribution, key);
  return array;
}

TEST(Initialise, ZerosAndOnes) {
  EXPECT_EQ(Initialised(37, {Distribution::Kind::kZeros, 0}, kKey), Zeros({37}));
  EXPECT_EQ(Initialised(37, {Distribution::Kind::kOnes, 0}, kKey), RandomFloats({37}, 1, 1, 1));
}

TEST(Initialise, NormalHasItsMoments) {
  constexpr int64_t kCount = 200001;
  Array array = Initialised(kCount, {Distribution::Kind::kNormal, 1.0F}, kKey);
  double moments[5] = {};
  double neighbours = 0;
  const auto values = ToDoubles(array.Floats());
  for (size_t i = 0; i < values.size(); ++i) {
    for (int power = 1; power <= 4; ++power) moments[power] += std::pow(values[i], power) / kCount;
    if (i > 0) neighbours += values[i] * values[i - 1] / kCount;
  }
  // Five standard errors each: of the moments of a normal distribution 1, sqrt(2), sqrt(15),
  // sqrt(96) over sqrt(n).
  EXPECT_NEAR(moments[1], 0, 0.012);
  EXPECT_NEAR(moments[2], 1, 0.016);
  EXPECT_NEAR(moments[3], 0, 0.044);
  EXPECT_NEAR(moments[4], 3, 0.11);
  EXPECT_NEAR(neighbours, 0, 0.012);
}

TEST(Initialise, AShardHasTheBitsOfTheWhole) {
  Array whole = Initialised(101, kNormal, kKey);
  for (const int64_t first : {1, 2, 33, 50}) {
    InitialiseKey key = kKey;
    key.first_element = first;
    Array shard = Initialised(51, kNormal, key);
    EXPECT_TRUE(
        std::ranges::equal(shard.Floats(), whole.Floats().subspan(static_cast<size_t>(first), 51)));
  }
}

TEST(Initialise, NamesAndSeedsTellParametersApart) {
  const Array base = Initialised(64, kNormal, kKey);
  EXPECT_NE(base, Initialised(64, kNormal, {.seed = 1, .name = 3, .first_element = 0}));
  EXPECT_NE(base, Initialised(64, kNormal, {.seed = 2, .name = 2, .first_element = 0}));
  EXPECT_NE(base, Initialised(64, kNormal, {.seed = 2, .name = 1, .first_element = 0}));
}

TEST(Initialise, ThreadsChangeNoBits) {
  Array several = Poisoned({5000});
  LaunchInitialise(CpuQueue(3), several.View(), kNormal, kKey);
  EXPECT_EQ(several, Initialised(5000, kNormal, kKey));
}

}  // namespace
}  // namespace pprun::kernels
