// Overlapped pairs and barriers between steps: what the simulator adds to the plan's own order.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::Orders;
using testing::PipelinePlan;
using testing::Task;
using Span = std::tuple<double, double>;

constexpr TaskKind kF = TaskKind::kForward;
constexpr TaskKind kB = TaskKind::kBackward;
constexpr auto kBeside = Task::Stream::kBeside;

// From the first begin to the last end of each task of a rank.
std::map<std::tuple<TaskKind, int>, Span> SpansOf(const Plan& plan, const Trace& trace,
                                                  int64_t rank) {
  std::map<std::tuple<TaskKind, int>, Span> spans;
  for (const TraceEvent& event : trace.events) {
    if (event.rank != rank) continue;
    const Position& position = plan.positions[CoordinatesOf(plan, rank).position.index()];
    const auto* run =
        std::get_if<pprun::Run>(&position.programs[static_cast<size_t>(ProgramKind::kStep)]
                                     .instructions[static_cast<size_t>(event.instruction)]
                                     .operands);
    if (run == nullptr) continue;
    const auto [found, added] =
        spans.try_emplace({run->kind, run->microbatch.value}, event.begin, event.end);
    Span& span = found->second;
    span = {std::min(std::get<0>(span), event.begin), std::max(std::get<1>(span), event.end)};
  }
  return spans;
}

Trace SimulateStep(const Plan& plan, const std::string& costs) {
  return Simulate(plan, ProgramKind::kStep, ParseCosts(costs));
}

const Orders kOnePair = {{{kF, 0}, {kF, 1}, {kB, 0, kBeside}, {kB, 1}}};

TEST(TasksOf, FindsTasksAndPairs) {
  const Plan plan = PipelinePlan(kOnePair, {.layers = 3});
  const PlannedTasks tasks = TasksOf(plan.positions[0], ProgramKind::kStep);
  ASSERT_EQ(tasks.tasks.size(), 4u);
  EXPECT_EQ(tasks.tasks[0].partner, -1);
  EXPECT_EQ(tasks.tasks[1].partner, 2);
  EXPECT_EQ(tasks.tasks[2].partner, 1);
  EXPECT_EQ(tasks.tasks[3].partner, -1);
  for (const PlannedTask& task : tasks.tasks) EXPECT_EQ(task.runs, 3);
}

TEST(Simulate, GivesAPairItsSumUnlessSaidOtherwise) {
  for (const int layers : {1, 3}) {
    const Plan plan = PipelinePlan(kOnePair, {.layers = layers});
    const Trace sum = SimulateStep(plan, "F=1.5,B=3");
    auto spans = SpansOf(plan, sum, 0);
    EXPECT_EQ(spans.at({kF, 1}), Span(1.5, 6));
    EXPECT_EQ(spans.at({kB, 0}), Span(1.5, 6));
    EXPECT_EQ(Summarise(plan, sum).makespan, 9);
    EXPECT_EQ(Summarise(plan, sum).work, 9);

    const Trace cheaper = SimulateStep(plan, "F=1.5,B=3,FB=3.75");
    spans = SpansOf(plan, cheaper, 0);
    EXPECT_EQ(spans.at({kF, 1}), Span(1.5, 5.25));
    EXPECT_EQ(spans.at({kB, 0}), Span(1.5, 5.25));
    EXPECT_EQ(spans.at({kB, 1}), Span(5.25, 8.25));
  }
}

TEST(Simulate, RefusesAPairThatIsShorterThanItsTasks) {
  const Plan plan = PipelinePlan(kOnePair, {.layers = 3});
  EXPECT_THROW(SimulateStep(plan, "F=1,B=2,FB=1.9"), std::invalid_argument);
  EXPECT_THROW(SimulateStep(plan, "F=3,B=2,FB=2"), std::invalid_argument);
  EXPECT_EQ(Summarise(plan, SimulateStep(plan, "F=1,B=2,FB=2")).makespan, 5);
  // What is in no pair may take longer.
  const Plan alone = PipelinePlan(testing::GPipe(1, 1));
  EXPECT_EQ(Summarise(alone, SimulateStep(alone, "F=1,B=2,FB=0")).makespan, 3);
}

// The backward of the pair has its gradient only late: the forward waits with it.
TEST(Simulate, StartsAPairWhenBothCan) {
  const Orders orders = {{{kF, 0}, {kF, 1}, {kB, 0, kBeside}, {kB, 1}},
                         {{kF, 0}, {kB, 0}, {kF, 1}, {kB, 1}}};
  const Plan plan = PipelinePlan(orders);
  const Trace trace = SimulateStep(plan, "F=1,B=2");
  const auto spans = SpansOf(plan, trace, 0);
  EXPECT_EQ(spans.at({kF, 1}), Span(4, 7));
  EXPECT_EQ(spans.at({kB, 0}), Span(4, 7));
  EXPECT_EQ(SpansOf(plan, trace, 1).at({kF, 1}), Span(7, 8));
  EXPECT_EQ(Summarise(plan, trace).makespan, 12);
  // Bubble: makespan less the busy time of the least busy rank.
  const Figures figures = Summarise(plan, SimulateStep(plan, "F=1,B=2,FB=2"));
  EXPECT_EQ(figures.work, 5);
  EXPECT_EQ(figures.work_of, WorkOf::kLeastBusyRank);
  EXPECT_EQ(WorkOfPlan(plan), WorkOf::kLeastBusyRank);
}

// One half needs what follows the other half, so they cannot start together.
TEST(Simulate, LetsHalvesRunApartWhereTheyMust) {
  const Orders orders = {{{kF, 0}, {kB, 0, kBeside}}, {{kF, 0}, {kB, 0}}};
  const Plan plan = PipelinePlan(orders);
  const auto spans = SpansOf(plan, SimulateStep(plan, "F=1,B=2"), 0);
  EXPECT_LE(std::get<1>(spans.at({kF, 0})), std::get<0>(spans.at({kB, 0})));
}

// p = 8, m = 32, F = I = W, ten steps: 1.073 of ideal with the global norm or a barrier for both,
// and 1.007 without for ZB-H2.
TEST(Simulate, PutsABarrierBetweenStepsOrNot) {
  using Norm = testing::PipelineOptions::Norm;
  const double ideal = 10 * 32 * 3;
  const auto ratio = [&](const Orders& orders, Norm norm, Barrier barrier) {
    const Plan plan = PipelinePlan(orders, {.norm = norm});
    const Trace trace = Simulate(plan, ProgramKind::kStep, {}, 10, barrier);
    return Summarise(plan, trace, kAllRepeats).makespan / ideal;
  };
  const Orders h1 = testing::ZeroBubbleH1(8, 32), h2 = testing::ZeroBubbleH2(8, 32);
  for (const Orders& orders : {h1, h2}) {
    EXPECT_NEAR(ratio(orders, Norm::kGlobal, Barrier::kAsPlanned), 1.073, 0.0005);
    EXPECT_NEAR(ratio(orders, Norm::kGlobal, Barrier::kOn), 1.073, 0.0005);
    EXPECT_NEAR(ratio(orders, Norm::kNone, Barrier::kOn), 1.073, 0.0005);
  }
  EXPECT_NEAR(ratio(h2, Norm::kNone, Barrier::kAsPlanned), 1.007, 0.0005);
  EXPECT_NEAR(ratio(h2, Norm::kNone, Barrier::kOff), 1.007, 0.0005);
  EXPECT_NEAR(ratio(h2, Norm::kGlobal, Barrier::kOff), 1.007, 0.0005);
}

TEST(Simulate, TakesTheCostsOfEachStage) {
  const Plan plan = PipelinePlan(testing::GPipe(3, 2));
  const Trace trace = SimulateStep(plan, "F=1:2:3,B=2:2:4");
  EXPECT_EQ(Summarise(plan, trace).busy, (std::vector<double>{6, 8, 14}));
  EXPECT_THROW(SimulateStep(plan, "F=1:2"), std::invalid_argument);
}

}  // namespace
}  // namespace pprun
