// Mesh arithmetic and names.
#include "compiler/plan/plan.h"

#include <gtest/gtest.h>

#include <set>

namespace pprun {
namespace {

Plan PlanOn(Mesh mesh) {
  Plan plan;
  plan.mesh = std::move(mesh);
  return plan;
}

TEST(PlanMesh, LastAxisVariesFastest) {
  const Plan plan = PlanOn({{"dp", 2}, {"pp", 3}, {"tp", 2}});
  EXPECT_EQ(plan.Ranks(), 12);
  EXPECT_EQ(plan.Replicas(), 4);
  EXPECT_EQ(plan.AxisSize("pp"), 3);
  EXPECT_EQ(plan.AxisSize("ep"), 1);
  const RankCoordinates at = CoordinatesOf(plan, 9);
  EXPECT_EQ(at.axes, (std::vector<int32_t>{1, 1, 1}));
  EXPECT_EQ(at.position, PositionId(1));
  for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
    EXPECT_EQ(RankAt(plan, CoordinatesOf(plan, rank).axes), rank);
  }
}

TEST(PlanMesh, WithoutPipelineThereIsOnePosition) {
  const Plan plan = PlanOn({{"dp", 4}});
  EXPECT_EQ(CoordinatesOf(plan, 3).position, PositionId(0));
  EXPECT_EQ(MembersOf(plan, {"dp", {}, {AxisId(0)}}, 2), (std::vector<int64_t>{0, 1, 2, 3}));
}

TEST(PlanMesh, GroupsPartitionTheirRanks) {
  const Plan plan = PlanOn({{"pp", 3}, {"dp", 2}});
  const Group dp{"dp", {}, {AxisId(1)}};
  const Group all{"pp", {PositionId(2), PositionId(0), PositionId(1)}, {}};
  const Group ends{"tied", {PositionId(0), PositionId(2)}, {AxisId(1)}};
  EXPECT_EQ(MembersOf(plan, dp, 3), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(MembersOf(plan, all, 3), (std::vector<int64_t>{1, 3, 5}));
  EXPECT_EQ(MembersOf(plan, ends, 4), (std::vector<int64_t>{0, 1, 4, 5}));
  EXPECT_EQ(SizeOf(plan, dp), 2);
  EXPECT_EQ(SizeOf(plan, all), 3);
  EXPECT_EQ(SizeOf(plan, ends), 4);
}

TEST(PlanMesh, ChannelsKeepTheOtherCoordinates) {
  const Plan plan = PlanOn({{"dp", 2}, {"pp", 3}});
  const Channel channel{"activation", PositionId(0), PositionId(1), {}};
  EXPECT_EQ(PeerOf(plan, channel, 3), 4);
  EXPECT_EQ(PeerOf(plan, channel, 4), 3);
}

template <typename Enumeration>
void ExpectDistinctNames(int count) {
  std::set<std::string_view> names;
  for (int i = 0; i < count; ++i) names.insert(Name(static_cast<Enumeration>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(count));
}

TEST(PlanNames, AreDistinct) {
  ExpectDistinctNames<Role>(kRoleCount);
  ExpectDistinctNames<ArenaKind>(kArenaCount);
  ExpectDistinctNames<ProgramKind>(kProgramCount);
}

}  // namespace
}  // namespace pprun
