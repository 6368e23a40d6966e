#include "compiler/schedule/stage_costs.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

// Two ranks, two chunks each, as a V: rank 0 has stages 0 and 3.
TaskOrder Vee() {
  TaskOrder order;
  order.chunks = 2;
  order.stages = 4;
  order.placement = {{{.stage = 0}, {.stage = 3}}, {{.stage = 1}, {.stage = 2}}};
  return order;
}

// Stages 0 and 1 down one pipe, and up the other.
TaskOrder TwoPipes() {
  TaskOrder order;
  order.chunks = 2;
  order.pipes = 2;
  order.stages = 2;
  order.placement = {{{.stage = 0, .pipe = 0}, {.stage = 1, .pipe = 1}},
                     {{.stage = 1, .pipe = 0}, {.stage = 0, .pipe = 1}}};
  return order;
}

TEST(StageCosts, AnEntryARankIsSharedByItsChunks) {
  TaskCosts costs{.forward = {6, 9}, .input_grad = {4}, .weight_grad = {1, 2, 3, 4}, .pair = {}};
  costs.transfer = 5;
  costs.whose = TaskCosts::Whose::kRank;
  const TaskCosts stages = StageCosts(costs, Vee());
  EXPECT_EQ(stages.whose, TaskCosts::Whose::kStage);
  EXPECT_EQ(stages.forward, (std::vector<int64_t>{6, 9, 9, 6}));
  EXPECT_EQ(stages.input_grad, (std::vector<int64_t>{4}));
  EXPECT_EQ(stages.weight_grad, (std::vector<int64_t>{1, 2, 3, 4})) << "they are by stage";
  EXPECT_TRUE(stages.pair.empty());
  EXPECT_EQ(stages.transfer, 10) << "in units of half the size";
}

TEST(StageCosts, OfAStageStayAsTheyAre) {
  const TaskCosts costs{.forward = {6, 9}, .input_grad = {4}, .weight_grad = {2}, .pair = {7}};
  EXPECT_EQ(StageCosts(costs, Vee()).forward, (std::vector<int64_t>{6, 9}));
}

TEST(StageCosts, WhereRanksShareAStageAListIsByStage) {
  EXPECT_TRUE(RanksOfStages(TwoPipes().stages, StagesHeld(TwoPipes())).empty());
  TaskCosts costs{.forward = {6, 9}};
  costs.whose = TaskCosts::Whose::kRank;
  EXPECT_EQ(StageCosts(costs, TwoPipes()).forward, (std::vector<int64_t>{6, 9}));
}

}  // namespace
}  // namespace pprun
