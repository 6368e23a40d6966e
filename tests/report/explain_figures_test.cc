#include "compiler/report/explain_figures.h"

#include <gtest/gtest.h>

#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

TEST(PredictFigures, TakesAllStepsTogether) {
  const Plan plan = testing::PipelinePlan(testing::ZeroBubbleH2(4, 8));
  const auto makespan = [&](int32_t steps, Barrier barrier) {
    return PredictFigures(plan, {.model = CostTable{}, .steps = steps, .barrier = barrier})
        .makespan;
  };
  EXPECT_EQ(makespan(1, Barrier::kAsPlanned), 27);
  EXPECT_EQ(makespan(3, Barrier::kOn), 81);
  EXPECT_EQ(makespan(3, Barrier::kOff), 75);
}

TEST(FiguresText, HasALineARank) {
  const Plan plan = testing::PipelinePlan(testing::ZeroBubbleH1(2, 4));
  EXPECT_EQ(
      FiguresText(PredictFigures(plan, {}), Trace::Unit::kOfCosts),
      "makespan 13, work 12 (mean over ranks), span 13; bubble 7.7 % of the makespan, 7.7 % of "
      "the span\n"
      "rank 0: busy 12, at most 2 live activations and 1 weight buffer\n"
      "rank 1: busy 12, at most 2 live activations and 2 weight buffers\n");
}

}  // namespace
}  // namespace pprun
