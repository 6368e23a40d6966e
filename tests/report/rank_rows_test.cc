#include "compiler/report/rank_rows.h"

#include <gtest/gtest.h>

#include <array>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

TEST(RankRowsOf, ShowsAllStepsOrOne) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"), 2);
  const RankRows both = RankRowsOf(plan, trace, std::nullopt);
  ASSERT_EQ(both.rows.size(), 4u);
  EXPECT_EQ(both.repeats, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(both.rows[2].pieces.size(), 32u);
  EXPECT_EQ(both.rows[2].label, "rank 2");
  EXPECT_EQ(both.rows[3].begins, (std::vector<double>{3, 36}));
  EXPECT_EQ(both.end - both.begin, 66);
  EXPECT_DOUBLE_EQ(both.bubble, 1 - 48.0 / 66);

  const RankRows second = RankRowsOf(plan, trace, 1);
  EXPECT_EQ(second.begin, 33);
  EXPECT_EQ(second.end, 66);
  EXPECT_EQ(second.rows[0].pieces.size(), 16u);
  EXPECT_TRUE(RankRowsOf(plan, trace, 7).rows.empty());
}

TEST(RankRowsOf, SharesTheHeightOnlyWhereStreamsOverlap) {
  Plan plan = PipelinePlan(testing::GPipe(1, 2));
  plan.positions[0].streams.push_back({"compute.1", StreamKind::kCompute, {}});
  plan.positions[0].programs[1].instructions[1].stream = StreamId(1);
  Trace trace;
  const std::array<double, 4> begins = {0, 1, 3, 4};
  for (int i = 0; i < 4; ++i) {
    const double begin = begins[static_cast<size_t>(i)];
    trace.events.push_back({0, ProgramKind::kStep, 0, i, begin, begin + (i < 2 ? 2 : 1)});
  }
  const RankRows rows = RankRowsOf(plan, trace, 0);
  ASSERT_EQ(rows.rows.size(), 1u);
  const std::vector<Piece>& pieces = rows.rows[0].pieces;
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[0].lanes, 2);
  EXPECT_EQ(pieces[0].lane, 0);
  EXPECT_EQ(pieces[1].lanes, 2);
  EXPECT_EQ(pieces[1].lane, 1);
  EXPECT_EQ(pieces[2].lanes, 1);
  EXPECT_EQ(pieces[3].lanes, 1);
  EXPECT_EQ(rows.rows[0].label, "rank 0");
}

TEST(Condensed, KeepsWhatIsWideEnough) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  const RankRows rows =
      RankRowsOf(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2")), std::nullopt);
  EXPECT_EQ(Condensed(rows.rows[0], 10).size(), 8u);
}

// A thousand tasks on a few hundred pixels: a piece a pixel, in proportion to the times.
TEST(Condensed, ShowsKindsInProportionWherePixelsAreFew) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 500));
  const RankRows rows =
      RankRowsOf(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=3")), std::nullopt);
  const double scale = 0.2;
  const std::vector<Piece> pieces = Condensed(rows.rows[1], scale);
  EXPECT_LE(pieces.size(), 401u);
  EXPECT_GE(pieces.size(), 395u);
  double forward = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].box.kind == TaskKind::kForward) ++forward;
    EXPECT_GT(pieces[i].tasks, 1);
    if (i > 0) {
      EXPECT_GE(pieces[i].box.begin, pieces[i - 1].box.end - 1e-6);
    }
  }
  EXPECT_NEAR(forward / static_cast<double>(pieces.size()), 0.25, 0.01);
}

}  // namespace
}  // namespace pprun
