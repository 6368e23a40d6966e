#include "compiler/simulate/live_activations.h"

#include <gtest/gtest.h>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::GPipe;
using testing::OneForwardOneBackward;
using testing::PipelinePlan;

TEST(LiveActivations, OfAPredictedRunAreThoseOfTheOrder) {
  for (int pp = 1; pp <= 5; ++pp) {
    for (const testing::Orders& orders : {GPipe(pp, 6), OneForwardOneBackward(pp, 6)}) {
      const Plan plan = PipelinePlan(orders);
      const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=2,B=4"), 2);
      for (const auto& [rank, live] : LiveActivations(plan, trace)) {
        EXPECT_EQ(live, PeaksOf(plan.positions[static_cast<size_t>(rank)]).activations);
      }
    }
  }
}

// Of what the clock says, whatever the order of issue is: forward 0, forward 1, backward 0,
// backward 1 as instructions 0 to 3.
TEST(LiveActivations, FollowTheClock) {
  const Plan plan = PipelinePlan(GPipe(1, 2));
  ASSERT_EQ(plan.positions[0].programs[1].instructions.size(), 4u);
  const auto live = [&](std::vector<TraceEvent> events) {
    Trace trace;
    trace.kind = Trace::Kind::kMeasured;
    trace.events = std::move(events);
    const auto peaks = LiveActivations(plan, trace, 7);
    return peaks.empty() ? 0 : peaks.at(0);
  };
  const ProgramKind step = ProgramKind::kStep;
  EXPECT_EQ(live({{0, step, 7, 0, 0, 1},
                  {0, step, 7, 1, 1, 2},
                  {0, step, 7, 2, 2, 3},
                  {0, step, 7, 3, 3, 4}}),
            2);
  // The second forward begins when the first backward has ended.
  EXPECT_EQ(live({{0, step, 7, 0, 0, 1},
                  {0, step, 7, 2, 1, 2},
                  {0, step, 7, 1, 2, 3},
                  {0, step, 7, 3, 3, 4}}),
            1);
  // And a little before.
  EXPECT_EQ(live({{0, step, 7, 0, 0, 1},
                  {0, step, 7, 2, 1, 2},
                  {0, step, 7, 1, 1.9, 3},
                  {0, step, 7, 3, 3, 4}}),
            2);
  // Another step, another program, and a half.
  EXPECT_EQ(live({{0, step, 6, 0, 0, 1}, {0, step, 6, 2, 1, 2}}), 0);
  EXPECT_EQ(live({{0, ProgramKind::kValidate, 7, 0, 0, 1}}), 0);
  EXPECT_EQ(live({{0, step, 7, 0, 0, 1}}), 1);
  EXPECT_EQ(live({{0, step, 7, 2, 0, 1}}), 0);
}

// Forward 0, forward 1 beside backward 0, backward 1, as instructions 0 to 3: the pair holds both
// of its activations, whichever of its tasks was ahead.
TEST(LiveActivations, HoldBothOfAPair) {
  const Plan plan = PipelinePlan({{{TaskKind::kForward, 0},
                                   {TaskKind::kForward, 1},
                                   {TaskKind::kBackward, 0, testing::Task::Stream::kBeside},
                                   {TaskKind::kBackward, 1}}});
  ASSERT_EQ(plan.positions[0].programs[1].instructions.size(), 4u);
  ASSERT_EQ(PeaksOf(plan.positions[0]).activations, 2);
  const auto live = [&](std::vector<TraceEvent> events) {
    Trace trace;
    trace.events = std::move(events);
    return LiveActivations(plan, trace).at(0);
  };
  const ProgramKind step = ProgramKind::kStep;
  const TraceEvent first = {0, step, 0, 0, 0, 1};
  const TraceEvent last = {0, step, 0, 3, 8, 9};
  // Side by side, the backward first with and without a gap, the forward first.
  EXPECT_EQ(live({first, {0, step, 0, 1, 1, 4}, {0, step, 0, 2, 2, 5}, last}), 2);
  EXPECT_EQ(live({first, {0, step, 0, 2, 1, 3}, {0, step, 0, 1, 5, 7}, last}), 2);
  EXPECT_EQ(live({first, {0, step, 0, 2, 1, 3}, {0, step, 0, 1, 3, 7}, last}), 2);
  EXPECT_EQ(live({first, {0, step, 0, 1, 1, 3}, {0, step, 0, 2, 4, 7}, last}), 2);
  // A trace without the forward of the pair, and one without its backward's forward.
  EXPECT_EQ(live({first, {0, step, 0, 2, 1, 3}, last}), 1);
  EXPECT_EQ(live({{0, step, 0, 1, 1, 4}, {0, step, 0, 2, 2, 5}, last}), 1);
}

}  // namespace
}  // namespace pprun
