// Every built-in schedule that something is published of: what explain counts in its plan is the
// textbook's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

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
      for (const char* costs : {"F=1,I=1,W=1", "F=4,I=4,W=3", "F=4,I=4,W=3,FB=9"}) {
        SCOPED_TRACE(name + " on " + std::to_string(ranks) + " ranks, " + costs);
        const Plan plan = Compiled(name, text, ranks, 4 * ranks);
        const Explanation one = Explain(plan, {.model = ParseCosts(costs), .machine = {}});
        ASSERT_TRUE(one.bubble.formula);
        const ScheduleFormula& formula = *one.bubble.formula;
        if (formula.holds == ScheduleFormula::Holds::kNo) continue;
        const bool span = formula.against == ScheduleFormula::Against::kSpan;
        EXPECT_NEAR(span ? one.bubble.idle_of_span : one.bubble.idle_of_makespan, formula.bubble,
                    1e-9);
        EXPECT_EQ(one.bubble.peak_activations, formula.peak);
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 60);
}

}  // namespace
}  // namespace pprun
