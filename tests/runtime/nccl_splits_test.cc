// How a plan's communicators are split off the one of all ranks.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "runtime/comm/nccl_world.h"

namespace pprun {
namespace {

// Channels between neighbours in both directions; a group of each position, of the two ends, of
// all.
Plan PipelineOf(int32_t positions, int32_t replicas) {
  Plan plan = {.mesh = {{"pp", positions}, {"dp", replicas}}};
  plan.positions.resize(static_cast<size_t>(positions));
  for (int32_t p = 0; p + 1 < positions; ++p) {
    plan.channels.push_back({"forward", PositionId(p), PositionId(p + 1), {}});
    plan.channels.push_back({"backward", PositionId(p + 1), PositionId(p), {}});
  }
  for (int32_t p = 0; p < positions; ++p) {
    plan.groups.push_back({"dp", {PositionId(p)}, {AxisId(1)}});
  }
  plan.groups.push_back({"ends", {PositionId(0), PositionId(positions - 1)}, {}});
  plan.groups.push_back({"all", {}, {AxisId(0), AxisId(1)}});
  return plan;
}

// Who shares each communicator, by color.
std::map<int, std::vector<int64_t>> SharersOf(const std::vector<int>& colors) {
  std::map<int, std::vector<int64_t>> sharers;
  for (size_t rank = 0; rank < colors.size(); ++rank) {
    if (colors[rank] != kNcclNoColor) {
      sharers[colors[rank]].push_back(static_cast<int64_t>(rank));
    }
  }
  return sharers;
}

TEST(NcclSplits, GiveEachChannelItsPairsAndEachGroupItsMembers) {
  for (const Plan& plan : {PipelineOf(2, 3), PipelineOf(6, 1), PipelineOf(5, 2)}) {
    const NcclSplits splits = NcclSplitsOf(plan);
    size_t wanted = 0;
    for (size_t i = 0; i < plan.channels.size(); ++i) {
      const Channel& channel = plan.channels[i];
      const auto sharers = SharersOf(splits.colors[splits.of_channels[i]]);
      for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
        if (CoordinatesOf(plan, rank).position != channel.from) continue;
        std::vector<int64_t> pair = {rank, PeerOf(plan, channel, rank)};
        std::ranges::sort(pair);
        EXPECT_EQ(sharers.at(static_cast<int>(pair[0])), pair);
        ++wanted;
      }
    }
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      const auto sharers = SharersOf(splits.colors[splits.of_groups[i]]);
      for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
        const std::vector<PositionId>& positions = plan.groups[i].positions;
        const bool member =
            positions.empty() ||
            std::ranges::find(positions, CoordinatesOf(plan, rank).position) != positions.end();
        if (!member) continue;
        const std::vector<int64_t> members = MembersOf(plan, plan.groups[i], rank);
        EXPECT_EQ(sharers.at(static_cast<int>(members.front())), members);
        if (members.front() == rank) ++wanted;
      }
    }
    // And nothing else.
    size_t made = 0;
    for (const std::vector<int>& colors : splits.colors) made += SharersOf(colors).size();
    EXPECT_EQ(made, wanted);
  }
}

TEST(NcclSplits, OfAPipelineAreAsManyWhateverItsLength) {
  EXPECT_EQ(NcclSplitsOf(PipelineOf(4, 2)).colors.size(),
            NcclSplitsOf(PipelineOf(16, 2)).colors.size());
  // Two for each direction, the second with room for the ends; the positions' groups; all ranks.
  EXPECT_EQ(NcclSplitsOf(PipelineOf(16, 2)).colors.size(), 6U);
}

}  // namespace
}  // namespace pprun
