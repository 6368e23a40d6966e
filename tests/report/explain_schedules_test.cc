// Every built-in schedule that something is published of: what explain counts in its plan is the
// textbook's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/report/explain.h"

namespace pprun {
namespace {

// A study of the schedule.
Plan Compiled(const std::string& name, const std::string& text, int ranks, int microbatches) {
  const std::string path =
      ::testing::TempDir() + "/explain_" + name + std::to_string(getpid()) + ".sched";
  std::ofstream(path) << text;
  CompileOptions options;
  options.overrides = {{"pp", std::to_string(ranks)},
                       {"microbatches", std::to_string(microbatches)}};
  Compilation result = Compile(path, options);
  std::remove(path.c_str());
  EXPECT_TRUE(result.Ok()) << result.Messages();
  return std::move(*result.plan);
}

TEST(ExplainSchedules, MatchTheTextbook) {
  int compared = 0;
  for (const auto& [name, text] : BuiltInSchedules()) {
    if (!FormulaOf(name, {})) continue;
    for (const int ranks : {2, 4, 6}) {
      for (const int microbatches : {ranks, 2 * ranks, 3 * ranks, 4 * ranks}) {
        // The DualPipes refuse so few.
        if (microbatches == ranks && name.starts_with("dualpipe")) continue;
        const Plan plan = Compiled(name, text, ranks, microbatches);
        for (const char* costs : {"F=1,I=1,W=1", "F=4,I=4,W=3", "F=4,I=4,W=3,FB=7",
                                  "F=4,I=4,W=3,FB=9", "F=5,I=3,W=2", "F=2,I=5,W=2"}) {
          SCOPED_TRACE(name + " on " + std::to_string(ranks) + " ranks, " +
                       std::to_string(microbatches) + " microbatches, " + costs);
          const Explanation one = Explain(plan, {.model = ParseCosts(costs), .machine = {}});
          ASSERT_TRUE(one.bubble.formula);
          const ScheduleFormula& formula = *one.bubble.formula;
          if (!formula.Holds()) continue;
          const bool span = formula.against == ScheduleFormula::Against::kSpan;
          EXPECT_NEAR(span ? one.bubble.idle_of_span : one.bubble.idle_of_makespan, formula.bubble,
                      1e-9);
          EXPECT_EQ(one.bubble.peak_activations, formula.peak);
          ++compared;
        }
      }
    }
  }
  EXPECT_GE(compared, 300);
}

// Each of these makes the bubble another than the formula says.
TEST(ExplainSchedules, SayWhereTheTextbookDoesNotHold) {
  struct Case {
    const char *schedule, *costs, *failing;
  };
  for (const Case& one :
       {Case{"one_f_one_b", "F=1:1:1.5:1", "equal stages"}, Case{"one_f_one_b", "C=0.5", "C = 0"},
        Case{"zero_bubble_h1", "F=1:2:1:1", "equal stages"},
        Case{"zero_bubble_h1", "C=0.5", "C = 0"},
        Case{"dualpipe_v", "FB=6", "max(F, B) <= FB <= F+B"},
        Case{"dualpipe_v", "F=1,I=1,W=2", "W <= I"}, Case{"dualpipe", "F=1,I=1,W=2", "W <= I"}}) {
    SCOPED_TRACE(std::string(one.schedule) + ", " + one.costs);
    const auto found = std::ranges::find(BuiltInSchedules(), one.schedule,
                                         [](const auto& each) { return each.first; });
    ASSERT_NE(found, BuiltInSchedules().end());
    const Explanation explained = Explain(Compiled(one.schedule, found->second, 4, 16),
                                          {.model = ParseCosts(one.costs), .machine = {}});
    EXPECT_EQ(explained.bubble.formula->failing, std::vector<std::string>{one.failing});
    EXPECT_GT(std::abs(explained.bubble.idle_of_makespan - explained.bubble.formula->bubble), 0.1);
  }
}

}  // namespace
}  // namespace pprun
