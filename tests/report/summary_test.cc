#include "compiler/report/summary.h"

#include <gtest/gtest.h>

#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

Plan PlanWithSizes(int positions, int data_parallel) {
  Plan plan = PipelinePlan(OneForwardOneBackward(positions, 8), {.data_parallel = data_parallel});
  plan.name = "examples/gpt.sched";
  Parameter table;
  table.type = {DType::kF32, {1024, 1024}};
  table.aliases = {"head.weight"};
  Parameter gain;
  gain.type = {DType::kF32, {1024}};
  plan.parameters = {table, gain};
  plan.train.batch = 64;
  plan.train.sequence = 256;
  auto bytes = [&](ArenaKind arena) -> int64_t& {
    return plan.positions.back().arena_bytes[static_cast<size_t>(arena)];
  };
  bytes(ArenaKind::kParameters) = 2 << 20;
  bytes(ArenaKind::kGradients) = 2 << 20;
  bytes(ArenaKind::kOptimizer) = 4 << 20;
  bytes(ArenaKind::kFrames) = 8 << 20;
  bytes(ArenaKind::kWorkspace) = 512 << 10;
  bytes(ArenaKind::kBatch) = 512 << 10;
  return plan;
}

TEST(Summary, SaysWhatThePlanIsAndWhatItCosts) {
  Figures figures;
  figures.bubble_of_makespan = 0.125;
  EXPECT_EQ(Summary(PlanWithSizes(2, 2), figures),
            "gpt: 1,049,600 parameters, 2 stages x 2 data-parallel ranks, one_f_one_b with 8 "
            "microbatches of 4 x 256 tokens\n"
            "memory a rank: at most 17.0 MiB (parameters 2.0 MiB, gradients 2.0 MiB, optimizer 4.0 "
            "MiB, frames 8.0 MiB, other 1.0 MiB); predicted bubble 12.5 %\n");
}

TEST(Summary, CountsOneAndChunks) {
  Plan plan = PlanWithSizes(1, 1);
  plan.train.microbatches = 1;
  const std::string one = Summary(plan, {});
  EXPECT_EQ(one.substr(0, one.find('\n')),
            "gpt: 1,049,600 parameters, 1 stage, one_f_one_b with 1 microbatch of 64 x 256 tokens");
  plan = PlanWithSizes(4, 1);
  plan.stages = 8;
  EXPECT_NE(Summary(plan, {}).find("8 stages on 4 positions, "), std::string::npos);
}

}  // namespace
}  // namespace pprun
