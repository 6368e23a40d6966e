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
  EXPECT_EQ(live({{0, step, 7, 0, 0, 1}}), 0);
}

}  // namespace
}  // namespace pprun
