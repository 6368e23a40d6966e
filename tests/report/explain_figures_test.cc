#include "compiler/report/explain_figures.h"

#include <gtest/gtest.h>

#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::PipelinePlan;

TEST(PredictFigures, TakesAllStepsTogether) {
  const Plan plan = PipelinePlan(testing::ZeroBubbleH2(4, 8));
  const auto makespan = [&](int32_t steps, Barrier barrier) {
    return PredictFigures(plan, {.model = CostTable{}, .steps = steps, .barrier = barrier})
        .makespan;
  };
  EXPECT_EQ(makespan(1, Barrier::kAsPlanned), 27);
  EXPECT_EQ(makespan(3, Barrier::kOn), 81);
  EXPECT_EQ(makespan(3, Barrier::kOff), 75);
}

TEST(FiguresText, HasALineARank) {
  const Plan plan = PipelinePlan(testing::ZeroBubbleH1(2, 4));
  EXPECT_EQ(
      FiguresText(plan, PredictFigures(plan, {}), Trace::Unit::kOfCosts),
      "makespan 13, work 12 (mean over ranks), span 13; bubble 7.7 % of the makespan, 7.7 % of "
      "the span\n"
      "rank 0: busy 12, at most 2 live activations and 1 weight buffer\n"
      "rank 1: busy 12, at most 2 live activations and 2 weight buffers\n");
}

TEST(FiguresText, SaysOverHowManyStepsAndForHowManyRanks) {
  const Plan plan = PipelinePlan(testing::OneForwardOneBackward(2, 4), {.data_parallel = 3});
  const CostModel costs = ParseCosts("F=1,B=2");
  EXPECT_EQ(
      FiguresText(plan, PredictFigures(plan, {.model = costs, .steps = 2}), Trace::Unit::kOfCosts),
      "over 2 steps: makespan 30 (15 a step), work 24 (mean over ranks), span 30; bubble "
      "20.0 % of the makespan, 20.0 % of the span\n"
      "position 0 (3 ranks): busy 24, at most 2 live activations and 0 weight buffers\n"
      "position 1 (3 ranks): busy 24, at most 1 live activation and 0 weight buffers\n");
}

}  // namespace
}  // namespace pprun
