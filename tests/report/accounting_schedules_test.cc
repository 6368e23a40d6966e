#include "compiler/report/accounting_schedules.h"

#include <gtest/gtest.h>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

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
        if (!formula->Holds()) continue;
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

TEST(FormulaOf, NamesTheConditionsThatFail) {
  using Names = std::vector<std::string>;
  const auto failing = [](const char* name, const ScheduleShape& shape) {
    return FormulaOf(name, shape)->failing;
  };
  constexpr auto kUnequal = ScheduleShape::Stages::kUnequal;
  EXPECT_EQ(failing("one_f_one_b", {.ranks = 4, .microbatches = 8}), Names());
  EXPECT_EQ(failing("one_f_one_b", {.ranks = 4, .microbatches = 3}), Names{"m >= p"});
  EXPECT_EQ(failing("one_f_one_b", {.ranks = 4, .microbatches = 8, .stages = kUnequal}),
            Names{"equal stages"});
  EXPECT_EQ(failing("gpipe", {.ranks = 4, .microbatches = 8, .transfer = 0.5}), Names{"C = 0"});
  EXPECT_EQ(failing("gpipe", {.microbatches = 8, .transfer = 0.5, .stages = kUnequal}), Names());
  EXPECT_EQ(failing("zero_bubble_h1", {.ranks = 4, .microbatches = 8, .weight_grad = 1.5}),
            Names{"W <= min(F, I)"});
  EXPECT_EQ(failing("zero_bubble_h2", {.ranks = 4, .microbatches = 6}), Names{"m >= 2p-1"});
  EXPECT_EQ(failing("v_min", {.ranks = 4, .microbatches = 2, .forward = 1.1}),
            (Names{"F = I = W", "m >= p"}));
  EXPECT_EQ(failing("v_min", {.ranks = 4, .microbatches = 8}), Names());
  for (const char* interleaved : {"interleaved_one_f_one_b", "interleaved_zero_bubble"}) {
    EXPECT_EQ(failing(interleaved, {.ranks = 4, .microbatches = 10, .chunks = 2}),
              Names{"m a multiple of p"});
  }
  for (const char* dual : {"dualpipe", "dualpipe_v"}) {
    const auto with_pair = [&](double pair) {
      return failing(dual, {.ranks = 4, .microbatches = 16, .pair = pair});
    };
    EXPECT_EQ(with_pair(2), Names());
    EXPECT_EQ(with_pair(3), Names());
    EXPECT_EQ(with_pair(1), Names{"max(F, B) <= FB <= F+B"});
    EXPECT_EQ(with_pair(6), Names{"max(F, B) <= FB <= F+B"});
    EXPECT_EQ(failing(dual, {.ranks = 4, .microbatches = 16, .weight_grad = 1.5, .pair = 3.5}),
              Names{"W <= I"});
  }
}

}  // namespace
}  // namespace pprun
