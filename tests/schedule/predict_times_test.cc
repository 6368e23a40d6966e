#include "compiler/schedule/predict_times.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/schedule/forward_order.h"

namespace pprun {
namespace {

// GPipe (all F, then all B) or 1F1B, built by hand.
TaskOrder Order(int32_t pp, int32_t microbatches, bool one_f_one_b) {
  TaskOrder order{.stages = pp, .microbatches = microbatches};
  for (int32_t r = 0; r < pp; ++r) {
    order.placement.push_back({{.stage = r}});
    std::vector<OrderedTask>& tasks = order.positions.emplace_back();
    const auto add = [&](TaskKind kind, int32_t i) {
      tasks.push_back({.kind = kind, .microbatch = i, .stage = r});
    };
    const int32_t warmup = one_f_one_b ? std::min(microbatches, pp - 1 - r) : microbatches;
    for (int32_t i = 0; i < warmup; ++i) add(TaskKind::kForward, i);
    for (int32_t i = warmup; i < microbatches; ++i)
      add(TaskKind::kForward, i), add(TaskKind::kBackward, i - warmup);
    for (int32_t i = microbatches - warmup; i < microbatches; ++i) add(TaskKind::kBackward, i);
  }
  return order;
}

TEST(PredictTimesTest, MakespanIsTheTextbookFormula) {
  for (int32_t pp = 1; pp <= 8; ++pp) {
    for (int32_t microbatches : {1, 2, 5, 8, 16}) {
      for (bool one_f_one_b : {false, true}) {
        Diagnostics diagnostics;
        const auto times = PredictTimes(Order(pp, microbatches, one_f_one_b), {}, diagnostics);
        ASSERT_TRUE(times);
        int64_t makespan = 0;
        for (const auto& tasks : *times) makespan = std::max(makespan, tasks.back().end);
        EXPECT_EQ(makespan, (microbatches + pp - 1) * 3) << "p " << pp << " m " << microbatches;
      }
    }
  }
}

TEST(PredictTimesTest, ACircleIsReportedWithItsMembers) {
  TaskOrder order = Order(2, 2, true);
  // Rank 0 wants the gradient of microbatch 0 before it gives microbatch 1; rank 1 wants microbatch
  // 1 first.
  order.positions[0] = {{.kind = TaskKind::kForward, .microbatch = 0, .stage = 0},
                        {.kind = TaskKind::kBackward, .microbatch = 0, .stage = 0},
                        {.kind = TaskKind::kForward, .microbatch = 1, .stage = 0},
                        {.kind = TaskKind::kBackward, .microbatch = 1, .stage = 0}};
  order.positions[1] = {{.kind = TaskKind::kForward, .microbatch = 0, .stage = 1},
                        {.kind = TaskKind::kForward, .microbatch = 1, .stage = 1},
                        {.kind = TaskKind::kBackward, .microbatch = 0, .stage = 1},
                        {.kind = TaskKind::kBackward, .microbatch = 1, .stage = 1}};
  Diagnostics diagnostics;
  EXPECT_FALSE(PredictTimes(order, {}, diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  const Diagnostic& error = diagnostics.all()[0];
  EXPECT_EQ(error.message, "this schedule deadlocks");
  ASSERT_GE(error.notes.size(), 3u);
  EXPECT_EQ(error.notes[0].message,
            "rank 0 at `backward(0)` waits for the gradient of microbatch 0 from rank 1");
  EXPECT_EQ(error.notes[1].message,
            "rank 1 at `forward(1)` waits for the activation of microbatch 1 from rank 0");
  EXPECT_EQ(error.notes[2].message,
            "rank 1 runs `backward(0)` only after `forward(1)`; move it before");
}

TEST(ForwardOrderTest, EveryStageRunsEveryMicrobatchWithoutCircle) {
  const TaskOrder forward = ForwardOrder(Order(4, 6, true), {});
  Diagnostics diagnostics;
  const auto times = PredictTimes(forward, {}, diagnostics);
  ASSERT_TRUE(times);
  for (const auto& tasks : forward.positions) EXPECT_EQ(tasks.size(), 6u);
  EXPECT_EQ(times->back().back().end, 6 + 3);
}

// A rank's costs are shared by its chunks, and a transfer takes what it takes.
TEST(TaskCosts, OfARankBecomeThoseOfAStage) {
  TaskCosts costs{.forward = {6, 9}, .input_grad = {4}, .weight_grad = {2}, .pair = {7}};
  costs.transfer = 5;
  EXPECT_EQ(costs.OfAStage(4, 8).transfer, 5) << "they are a stage's";
  costs.whose = TaskCosts::Whose::kRank;
  const TaskCosts halves = costs.OfAStage(4, 8);
  EXPECT_EQ(halves.whose, TaskCosts::Whose::kStage);
  EXPECT_EQ(halves.forward, (std::vector<int64_t>{6, 9}));
  EXPECT_EQ(halves.transfer, 10) << "in units of half the size";
  const TaskCosts two_thirds = costs.OfAStage(4, 6);
  EXPECT_EQ(two_thirds.forward, (std::vector<int64_t>{12, 18}));
  EXPECT_EQ(two_thirds.input_grad, (std::vector<int64_t>{8}));
  EXPECT_EQ(two_thirds.weight_grad, (std::vector<int64_t>{4}));
  EXPECT_EQ(two_thirds.pair, (std::vector<int64_t>{14}));
  EXPECT_EQ(two_thirds.transfer, 15);
  EXPECT_EQ(costs.OfAStage(4, 4).transfer, 5) << "two pipes: each rank does all of its stages";
}

}  // namespace
}  // namespace pprun
