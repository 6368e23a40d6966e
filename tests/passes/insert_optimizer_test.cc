#include <gtest/gtest.h>

#include <algorithm>

#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

TEST(InsertOptimizerTest, EveryParameterIsUpdatedOnceByItsHolder) {
  const Plan plan = CompilePlan({.pp = 3});
  std::vector<int> updates(plan.parameters.size(), 0);
  for (size_t p = 0; p < 3; ++p) {
    for (const Update& update : Select<Update>(Step(plan, p))) {
      for (const ParameterUpdate& row : RowsOf(plan.positions[p], update)) {
        ++updates[row.parameter.index()];
        EXPECT_TRUE(row.first_moment.valid() && row.second_moment.valid());
      }
    }
  }
  EXPECT_TRUE(std::all_of(updates.begin(), updates.end(), [](int count) { return count == 1; }));
}

TEST(InsertOptimizerTest, MomentsFollowTheOptimizer) {
  const Plan plain = CompilePlan({.optimizer = "sgd(lr = 0.1)"});
  EXPECT_EQ(plain.positions[0].arena_bytes[static_cast<size_t>(ArenaKind::kOptimizer)], 0);
  const Plan momentum = CompilePlan({.optimizer = "sgd(lr = 0.1, momentum = 0.9)"});
  EXPECT_EQ(momentum.positions[0].arena_bytes[static_cast<size_t>(ArenaKind::kOptimizer)],
            momentum.positions[0].arena_bytes[static_cast<size_t>(ArenaKind::kParameters)]);
}

TEST(InsertOptimizerTest, ClippingReadsEveryBlockInParameterOrder) {
  const Plan plan = CompilePlan({.pp = 3, .optimizer = "adamw(lr = 1e-3, clip = 1.0)"});
  ASSERT_EQ(plan.norm_order.size(), plan.parameters.size());
  int32_t next = 0;
  for (size_t i = 0; i < plan.norm_order.size(); ++i) {
    const NormBlocks& blocks = plan.norm_order[i];
    EXPECT_EQ(blocks.parameter, ParameterId(static_cast<int64_t>(i)));
    EXPECT_EQ(blocks.count, 1) << "every parameter here is one block";
    EXPECT_GE(blocks.first, next) << "positions hold parameters in order";
    next = blocks.first + blocks.count;
  }
  for (const Position& position : plan.positions) {
    const std::vector<Collective> gathers =
        Select<Collective>(position.programs[static_cast<size_t>(ProgramKind::kStep)]);
    ASSERT_EQ(gathers.size(), 1u);
    EXPECT_EQ(gathers[0].kind, CollectiveKind::kAllGather);
    EXPECT_EQ(3 * position.buffers[gathers[0].source.index()].type.Bytes(),
              position.buffers[gathers[0].target.index()].type.Bytes());
  }
}

// As many as there are sums to wait for; clipped gradients have all been waited for.
TEST(InsertOptimizerTest, UpdatesStartWithTheSumsTheyNeed) {
  const auto updates = [](const PlanText& text) {
    return Select<Update>(Step(CompilePlan(text), 0)).size();
  };
  const auto sums = [](const PlanText& text) {
    return Select<Collective>(Step(CompilePlan(text), 0)).size();
  };
  const PlanText buckets = {.pp = 1, .dp = 2, .gradients = "gradients ddp(bucket = 20 KiB);"};
  EXPECT_GT(sums(buckets), 2u);
  EXPECT_EQ(updates(buckets), sums(buckets));
  EXPECT_EQ(updates({.pp = 1, .dp = 2, .gradients = "gradients flat;"}), 1u);
  EXPECT_EQ(updates({.pp = 1, .dp = 1}), 1u);
  PlanText clipped = buckets;
  clipped.optimizer = "adamw(lr = 1e-3, clip = 1.0)";
  const Plan plan = CompilePlan(clipped);
  EXPECT_EQ(Select<Update>(Step(plan, 0)).size(), 1u);
  EXPECT_EQ(Select<SquareSum>(Step(plan, 0)).size(), sums(buckets));
  EXPECT_EQ(RowsOf(plan.positions[0], Select<Update>(Step(plan, 0))[0]).size(),
            plan.parameters.size());
}

TEST(InsertOptimizerTest, OneRankClipsWithoutAGather) {
  const Plan plan = CompilePlan({.pp = 1, .optimizer = "sgd(lr = 0.1, clip = 1.0)"});
  EXPECT_TRUE(Select<Collective>(Step(plan, 0)).empty());
  EXPECT_EQ(Select<ClipFactor>(Step(plan, 0)).size(), 1u);
  EXPECT_EQ(Select<Update>(Step(plan, 0)).front().clip, plan.positions[0].gradient_norm);
}

}  // namespace
}  // namespace pprun
