#include <gtest/gtest.h>

#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

TEST(InsertLoadsTest, TokensGoToTheFirstStageAndTargetsToTheLast) {
  const Plan plan = CompilePlan({.pp = 3, .microbatches = 4});
  for (size_t p = 0; p < 3; ++p) {
    const std::vector<Load> loads = Select<Load>(Step(plan, p));
    ASSERT_EQ(loads.size(), p == 1 ? 0u : 4u);
    for (size_t i = 0; i < loads.size(); ++i) {
      EXPECT_EQ(loads[i].what, p == 0 ? Load::What::kTokens : Load::What::kTargets);
      EXPECT_EQ(loads[i].microbatch.index(), i);
    }
  }
}

TEST(InsertLoadsTest, OneRankLoadsBothOnce) {
  const Plan plan = CompilePlan({.pp = 1, .microbatches = 3});
  EXPECT_EQ(Select<Load>(Step(plan, 0)).size(), 6u);
}

}  // namespace
}  // namespace pprun
