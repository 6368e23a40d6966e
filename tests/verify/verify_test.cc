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

// Six thousand nested buffers, each zeroed: every instruction touches all the pieces of those
// before.
TEST(Verify, RefusesPlansThatWouldTakeTheSquareOfTheirSize) {
  Plan plan = BuildPlan({.positions = 1});
  Position& position = plan.positions[0];
  constexpr int64_t kCount = 6000;
  const int64_t begin = position.arena_bytes[static_cast<size_t>(ArenaKind::kWorkspace)];
  position.arena_bytes[static_cast<size_t>(ArenaKind::kWorkspace)] += 4 * kCount;
  for (int64_t i = 1; i <= kCount; ++i) {
    position.buffers.push_back({"nested", ArenaKind::kWorkspace, begin, {DType::kF32, {i}}});
    const BufferId buffer(static_cast<int64_t>(position.buffers.size()) - 1);
    StepOf(plan, 0).push_back({StreamId(0), SourceId(), Zero{buffer}});
  }
  const std::vector<Finding> findings = Verify(plan);
  ASSERT_FALSE(findings.empty());
  EXPECT_NE(findings[0].message.find("overlap too much"), std::string::npos);
}

}  // namespace
}  // namespace pprun
