#include <gtest/gtest.h>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::GPipe;
using testing::OneForwardOneBackward;
using testing::PipelinePlan;

TEST(Summarise, GivesTheTextbookFigures) {
  for (const testing::Orders& orders : {GPipe(4, 8), OneForwardOneBackward(4, 8)}) {
    const Plan plan = PipelinePlan(orders);
    const Figures figures =
        Summarise(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=2,B=4")));
    EXPECT_EQ(figures.makespan, 66);
    EXPECT_EQ(figures.work, 48);
    EXPECT_NEAR(figures.bubble_of_makespan, 0.2727, 1e-4);
    EXPECT_EQ(figures.busy, (std::vector<double>{48, 48, 48, 48}));
  }
}

TEST(Summarise, TakesOneRunOfTheStep) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  const Trace trace = Simulate(plan, ProgramKind::kStep, {}, 3);
  for (int repeat = 0; repeat < 3; ++repeat) {
    EXPECT_EQ(Summarise(plan, trace, repeat).work, 12);
  }
  EXPECT_EQ(Summarise(plan, trace, 0).makespan, 15);
  const Figures none = Summarise(plan, trace, 3);
  EXPECT_EQ(none.makespan, 0);
  EXPECT_EQ(none.bubble_of_makespan, 0);
}

// Two replicas of one position; the second is late and slower. Only runs count, and only those of
// the step.
TEST(Summarise, ReadsAMeasuredTraceOfReplicas) {
  const Plan plan = PipelinePlan(
      GPipe(1, 1), {.data_parallel = 2, .reduce = testing::PipelineOptions::Reduce::kAtEnd});
  const auto& instructions = plan.positions[0].programs[1].instructions;
  ASSERT_EQ(instructions.size(), 5u);  // forward, backward, record, wait, all_reduce
  Trace trace;
  trace.kind = Trace::Kind::kMeasured;
  trace.events = {
      {0, ProgramKind::kInitialise, 0, 0, 0, 9}, {0, ProgramKind::kStep, 7, 0, 10, 12},
      {0, ProgramKind::kStep, 7, 1, 12, 15},     {0, ProgramKind::kStep, 7, 4, 15, 40},
      {1, ProgramKind::kStep, 7, 0, 11, 14},     {1, ProgramKind::kStep, 7, 1, 16, 20},
  };
  const Figures figures = Summarise(plan, trace, 7);
  EXPECT_EQ(figures.makespan, 10);
  EXPECT_EQ(figures.busy, (std::vector<double>{5, 7}));
  EXPECT_EQ(figures.work, 6);
  EXPECT_DOUBLE_EQ(figures.bubble_of_makespan, 0.4);
}

TEST(Summarise, CountsOverlappingRunsOnce) {
  const Plan plan = PipelinePlan(GPipe(1, 2));
  Trace trace;
  trace.events = {
      {0, ProgramKind::kStep, 0, 0, 0, 4},
      {0, ProgramKind::kStep, 0, 1, 1, 3},
      {0, ProgramKind::kStep, 0, 2, 3, 6},
      {0, ProgramKind::kStep, 0, 3, 8, 10},
  };
  const Figures figures = Summarise(plan, trace);
  EXPECT_EQ(figures.busy, (std::vector<double>{8}));
  EXPECT_DOUBLE_EQ(figures.bubble_of_makespan, 0.2);
}

TEST(Summarise, MeasuresTheSpanOfEachRank) {
  // ZB-H1: a rank starts r forwards late, so that nothing of p - 1 units is idle within a span.
  for (int p = 2; p <= 6; ++p) {
    const int m = 2 * p;
    const Plan plan = PipelinePlan(testing::ZeroBubbleH1(p, m));
    const Figures figures = Summarise(plan, Simulate(plan, ProgramKind::kStep, {}));
    EXPECT_EQ(figures.makespan, 3 * m + p - 1);
    EXPECT_EQ(figures.work, 3 * m);
    EXPECT_EQ(figures.span, 3 * m + p - 1);
    EXPECT_DOUBLE_EQ(figures.bubble_of_span, 1 - figures.work / figures.span);
    // ZB-H2: in-span idle (p-1)(F+I-2W), so none.
    const Plan h2 = PipelinePlan(testing::ZeroBubbleH2(p, m));
    const Figures none = Summarise(h2, Simulate(h2, ProgramKind::kStep, {}));
    EXPECT_EQ(none.makespan, 3 * m + p - 1);
    EXPECT_EQ(none.span, 3 * m);
    EXPECT_EQ(none.bubble_of_span, 0);
  }
}

TEST(Summarise, TakesAllRepeatsTogether) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"), 3, Barrier::kOn);
  const Figures figures = Summarise(plan, trace, kAllRepeats);
  EXPECT_EQ(figures.makespan, 45);
  EXPECT_EQ(figures.work, 36);
}

TEST(PeaksOf, MatchesTheTextbook) {
  for (int p = 1; p <= 6; ++p) {
    for (int m = p; m <= 12; ++m) {
      for (int r = 0; r < p; ++r) {
        const auto peaks = [&](const testing::Orders& orders) {
          return PeaksOf(PipelinePlan(orders, {.layers = 2}).positions[static_cast<size_t>(r)]);
        };
        EXPECT_EQ(peaks(GPipe(p, m)).activations, m);
        EXPECT_EQ(peaks(OneForwardOneBackward(p, m)).activations, std::min(m, p - r));
        EXPECT_EQ(peaks(OneForwardOneBackward(p, m)).weight_buffers, 0);
        EXPECT_EQ(peaks(testing::ZeroBubbleH1(p, m)).activations, std::min(m, p));
        EXPECT_EQ(peaks(testing::ZeroBubbleH1(p, m)).weight_buffers, std::min(m, r + 1));
        EXPECT_EQ(peaks(testing::ZeroBubbleH2(p, m)).activations, std::min(m, 2 * p - 1));
      }
    }
  }
}

// Both of a pair are there at once, whichever is issued first.
TEST(PeaksOf, CountsAPairAsOne) {
  constexpr TaskKind kF = TaskKind::kForward, kB = TaskKind::kBackward;
  constexpr TaskKind kI = TaskKind::kInputGrad, kW = TaskKind::kWeightGrad;
  constexpr auto kBeside = testing::Task::Stream::kBeside;
  const auto peaks = [](const testing::Orders& orders) {
    return PeaksOf(PipelinePlan(orders).positions[0]);
  };
  EXPECT_EQ(peaks({{{kF, 0}, {kB, 0}, {kF, 1}, {kB, 1}}}).activations, 1);
  EXPECT_EQ(peaks({{{kF, 0}, {kB, 0}, {kF, 1, kBeside}, {kB, 1}}}).activations, 2);
  EXPECT_EQ(peaks({{{kF, 0}, {kF, 1}, {kB, 0, kBeside}, {kB, 1}}}).activations, 2);
  const Peaks halves = peaks({{{kF, 0}, {kF, 1}, {kI, 0}, {kW, 0}, {kI, 1, kBeside}, {kW, 1}}});
  EXPECT_EQ(halves.activations, 2);
  EXPECT_EQ(halves.weight_buffers, 2);
}

TEST(FiguresJson, SaysAllOfThem) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  const Figures figures =
      Summarise(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2")));
  EXPECT_EQ(FiguresJson(figures),
            "{\"makespan\": 15, \"step\": 15, \"work\": 12, \"work_of\": \"mean\", \"span\": 15, "
            "\"bubble_of_makespan\": 0.2, \"bubble_of_span\": 0.2, \"steps\": 1, \"replicas\": 1, "
            "\"ranks\": [{\"rank\": "
            "0, \"busy\": 12, \"peak_activations\": 2, \"peak_weight_buffers\": 0}, {\"rank\": 1, "
            "\"busy\": 12, \"peak_activations\": 1, \"peak_weight_buffers\": 0}]}");
}

}  // namespace
}  // namespace pprun
