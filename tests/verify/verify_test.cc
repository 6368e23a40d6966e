// What is right is proven: every kind of plan the builder makes.
#include "compiler/verify/verify.h"

#include <gtest/gtest.h>

#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

std::string Text(const Plan& plan, const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += std::string(Name(finding.kind)) + ": " + Render(plan, finding);
  }
  return text;
}

TEST(Verify, ProvesBuiltPlans) {
  for (const int32_t positions : {1, 2}) {
    for (const int32_t dp : {1, 4}) {
      for (const int32_t microbatches : {1, 2, 5}) {
        for (const double clip : {0.0, 1.0}) {
          for (const auto tied : {PlanToBuild::Tied::kNo, PlanToBuild::Tied::kYes}) {
            for (const auto halves :
                 {PlanToBuild::Halves::kTogether, PlanToBuild::Halves::kApart}) {
              const Plan plan = BuildPlan({.positions = positions,
                                           .dp = dp,
                                           .microbatches = microbatches,
                                           .clip = clip,
                                           .tied = tied,
                                           .halves = halves});
              EXPECT_EQ(Text(plan, Verify(plan)), "")
                  << "positions " << positions << " dp " << dp << " microbatches " << microbatches
                  << " clip " << clip << " tied " << static_cast<int>(tied) << " halves "
                  << static_cast<int>(halves);
            }
          }
        }
      }
    }
  }
}

TEST(Verify, HoldsThePeakAgainstTheLimit) {
  const Plan plan = BuildPlan();
  EXPECT_TRUE(Verify(plan, {.memory_limit = 1 << 20}).empty());
  const std::vector<Finding> findings = Verify(plan, {.memory_limit = 1000});
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].kind, FindingKind::kMemory);
}

}  // namespace
}  // namespace pprun
