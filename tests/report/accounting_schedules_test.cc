#include "compiler/report/accounting_schedules.h"

#include <gtest/gtest.h>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using Holds = ScheduleFormula::Holds;

// The simulator against the formulas, where they hold.
TEST(FormulaOf, AgreesWithTheSimulator) {
  struct Case {
    const char* name;
    testing::Orders (*orders)(int, int);
  };
  for (const Case& one :
       {Case{"gpipe", testing::GPipe}, Case{"one_f_one_b", testing::OneForwardOneBackward},
        Case{"zero_bubble_h1", testing::ZeroBubbleH1},
        Case{"zero_bubble_h2", testing::ZeroBubbleH2}}) {
    int held = 0;
    for (int p = 1; p <= 6; ++p) {
      for (int m = 1; m <= 14; ++m) {
        const ScheduleShape shape{.ranks = p,
                                  .microbatches = m,
                                  .forward = 4,
                                  .input_grad = 5,
                                  .weight_grad = 2,
                                  .pair = 11};
        const auto formula = FormulaOf(one.name, shape);
        ASSERT_TRUE(formula);
        if (formula->holds == Holds::kNo) continue;
        ++held;
        const Plan plan = testing::PipelinePlan(one.orders(p, m));
        const Figures figures =
            Summarise(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=4,I=5,W=2")));
        const bool span = formula->against == ScheduleFormula::Against::kSpan;
        EXPECT_DOUBLE_EQ((span ? figures.span : figures.makespan) - figures.work, formula->bubble)
            << one.name << ' ' << p << ' ' << m;
        EXPECT_EQ(std::ranges::max(figures.peak_activations), formula->peak)
            << one.name << ' ' << p << ' ' << m;
      }
    }
    EXPECT_GT(held, 30) << one.name;
  }
}

TEST(FormulaOf, KnowsEverySchedule) {
  const ScheduleShape shape{.ranks = 4, .microbatches = 8, .chunks = 2};
  const auto bubble = [&](const char* name) { return FormulaOf(name, shape)->bubble; };
  EXPECT_EQ(bubble("eager_one_f_one_b"), 9);
  EXPECT_EQ(bubble("interleaved_one_f_one_b"), 9);
  EXPECT_EQ(bubble("breadth_first"), 9);
  EXPECT_EQ(bubble("interleaved_zero_bubble"), 3);
  EXPECT_EQ(bubble("zero_bubble_v"), 3);
  EXPECT_EQ(bubble("v_half"), 12);
  EXPECT_EQ(bubble("v_min"), 11);
  EXPECT_EQ(bubble("dualpipe_v"), 6);
  EXPECT_EQ(bubble("dualpipe"), 2);
  EXPECT_EQ(FormulaOf("interleaved_one_f_one_b", shape)->peak, 11);
  EXPECT_EQ(FormulaOf("v_half", shape)->peak, 6);
  EXPECT_EQ(FormulaOf("dualpipe_v", shape)->peak, 9);
  EXPECT_FALSE(FormulaOf("mine", shape));
}

TEST(FormulaOf, SaysWhereItHolds) {
  const auto holds = [](const char* name, const ScheduleShape& shape) {
    return FormulaOf(name, shape)->holds;
  };
  EXPECT_EQ(holds("one_f_one_b", {.ranks = 4, .microbatches = 3}), Holds::kNo);
  EXPECT_EQ(holds("zero_bubble_h1", {.ranks = 4, .microbatches = 8, .weight_grad = 1.5}),
            Holds::kNo);
  EXPECT_EQ(holds("zero_bubble_h2", {.ranks = 4, .microbatches = 6}), Holds::kNo);
  EXPECT_EQ(holds("v_min", {.ranks = 4, .microbatches = 8, .forward = 1.1}), Holds::kNo);
  EXPECT_EQ(holds("v_min", {.ranks = 4, .microbatches = 8}), Holds::kYes);
  EXPECT_EQ(holds("interleaved_one_f_one_b", {.ranks = 4, .microbatches = 10}), Holds::kNo);
}

}  // namespace
}  // namespace pprun
