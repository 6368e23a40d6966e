#include "compiler/report/rows.h"

#include <gtest/gtest.h>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

TEST(RowsOf, MergesTheLayersOfATask) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3), {.layers = 4});
  const Trace trace = Simulate(plan, ProgramKind::kStep, {}, 2);
  const std::vector<Row> rows = RowsOf(plan, trace, 0);
  ASSERT_EQ(rows.size(), 2u);
  for (const Row& row : rows) EXPECT_EQ(row.boxes.size(), 6u);
  const Box& backward = rows[1].boxes[1];
  EXPECT_EQ(backward.kind, TaskKind::kBackward);
  EXPECT_EQ(backward.microbatch, MicrobatchId(0));
  EXPECT_EQ(backward.stage, StageId(1));
  EXPECT_EQ(backward.begin, 2);
  EXPECT_EQ(backward.end, 4);
}

TEST(RowsOf, SeparatesEqualTasksOfDifferentMicrobatches) {
  const Plan plan = PipelinePlan(testing::GPipe(1, 5), {.layers = 2});
  const std::vector<Row> rows = RowsOf(plan, Simulate(plan, ProgramKind::kStep, {}), 0);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].boxes.size(), 10u);
}

TEST(RowsOf, GivesEveryComputeStreamARow) {
  Plan plan = PipelinePlan(testing::GPipe(1, 2));
  plan.positions[0].streams.push_back({"compute.1", StreamKind::kCompute, {}});
  plan.positions[0].programs[1].instructions[1].stream = StreamId(1);
  Trace trace;
  for (int i = 0; i < 4; ++i) {
    trace.events.push_back({0, ProgramKind::kStep, 0, i, i * 1.0, i + 2.0});
  }
  const std::vector<Row> rows = RowsOf(plan, trace, 0);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].boxes.size(), 3u);
  EXPECT_EQ(rows[1].boxes.size(), 1u);
  EXPECT_EQ(rows[1].stream, StreamId(1));
}

}  // namespace
}  // namespace pprun
