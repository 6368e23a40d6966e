#include "compiler/simulate/collectives.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

constexpr LinkSpeed kLink{.latency = 0.5, .bandwidth = 10};

TEST(RingTraffic, IsAsPublished) {
  EXPECT_EQ(RingTraffic(CollectiveKind::kAllReduce, 4, 100), 150);
  EXPECT_EQ(RingTraffic(CollectiveKind::kAllGather, 4, 100), 75);
  EXPECT_EQ(RingTraffic(CollectiveKind::kReduceScatter, 4, 100), 75);
  EXPECT_EQ(RingTraffic(CollectiveKind::kAllToAll, 4, 100), 75);
  EXPECT_EQ(RingTraffic(CollectiveKind::kBroadcast, 4, 100), 100);
  EXPECT_EQ(RingTraffic(CollectiveKind::kReduce, 4, 100), 100);
  EXPECT_EQ(RingTraffic(CollectiveKind::kAllReduce, 1, 100), 0);
}

TEST(RingTraffic, OfAnAllReduceIsAReduceScatterAndAnAllGather) {
  for (int64_t n = 2; n < 70; ++n) {
    EXPECT_DOUBLE_EQ(RingTraffic(CollectiveKind::kAllReduce, n, 1e6),
                     RingTraffic(CollectiveKind::kReduceScatter, n, 1e6) +
                         RingTraffic(CollectiveKind::kAllGather, n, 1e6));
  }
}

TEST(RingTime, IsLatencyAndTraffic) {
  EXPECT_EQ(RingTime(CollectiveKind::kAllReduce, 4, 100, kLink), 0.5 * 6 + 15);
  EXPECT_EQ(RingTime(CollectiveKind::kAllGather, 4, 100, kLink), 0.5 * 3 + 7.5);
  EXPECT_EQ(RingTime(CollectiveKind::kAllGather, 1, 100, kLink), 0);
}

TEST(TreeTime, HasLogarithmicLatency) {
  EXPECT_EQ(TreeTime(CollectiveKind::kAllReduce, 8, 100, kLink), 2 * (0.5 * 3 + 10));
  EXPECT_EQ(TreeTime(CollectiveKind::kAllReduce, 9, 100, kLink), 2 * (0.5 * 4 + 10));
  EXPECT_EQ(TreeTime(CollectiveKind::kBroadcast, 8, 100, kLink), 0.5 * 3 + 10);
  EXPECT_EQ(TreeTime(CollectiveKind::kAllGather, 8, 100, kLink),
            RingTime(CollectiveKind::kAllGather, 8, 100, kLink));
}

TEST(CollectiveTime, TakesTheFaster) {
  const CollectiveKind kind = CollectiveKind::kAllReduce;
  EXPECT_EQ(CollectiveTime(kind, 64, 1, kLink), TreeTime(kind, 64, 1, kLink));
  EXPECT_EQ(CollectiveTime(kind, 64, 1e6, kLink), RingTime(kind, 64, 1e6, kLink));
}

TEST(BusBandwidth, IsWhatTheLinkSees) {
  const double seconds = RingTime(CollectiveKind::kAllReduce, 8, 1000, {0, 10});
  EXPECT_DOUBLE_EQ(BusBandwidth(CollectiveKind::kAllReduce, 8, 1000, seconds), 10);
  EXPECT_DOUBLE_EQ(BusBandwidth(CollectiveKind::kBroadcast, 8, 1000, 50), 20);
}

}  // namespace
}  // namespace pprun
