#include "compiler/study.h"

#include <gtest/gtest.h>

#include "compiler/simulate/simulate.h"
#include "tests/compile/compile_source.h"

namespace pprun {
namespace {

TEST(StudyTest, AScheduleAloneIsProvenAndPredicted) {
  for (int pp : {1, 2, 4, 7}) {
    const std::string size = std::to_string(pp);
    const Compilation result = CompileSource(
        "mesh { pp = " + size + "; dp = 2; }\nschedule one_f_one_b;\n", {{"microbatches", "6"}});
    ASSERT_TRUE(result.Ok()) << result.Messages();
    EXPECT_EQ(result.purpose, Compilation::Purpose::kStudy);
    EXPECT_FALSE(result.checked->train);
    const Figures figures =
        Summarise(*result.plan, Simulate(*result.plan, ProgramKind::kStep, CostTable{}));
    EXPECT_DOUBLE_EQ(figures.makespan, (6 + pp - 1) * 3);
  }
}

TEST(StudyTest, EveryStageIsOneTinyLayer) {
  const Compilation result =
      CompileSource("mesh { pp = 3; }\nschedule gpipe;\n", {{"microbatches", "2"}});
  ASSERT_TRUE(result.Ok()) << result.Messages();
  EXPECT_EQ(result.plan->layers.size(), 3u + 2);
  for (const Parameter& parameter : result.plan->parameters)
    EXPECT_EQ(parameter.type.shape.Elements(), 1);
}

TEST(StudyTest, InferenceHasAnOrderAndNoPlan) {
  const Compilation result =
      CompileSource("mesh { pp = 3; }\nschedule forward_only;\n", {{"microbatches", "2"}});
  ASSERT_TRUE(result.Ok()) << result.Messages();
  EXPECT_EQ(result.purpose, Compilation::Purpose::kInferenceStudy);
  EXPECT_EQ(ToText(*result.order), "0F0 0F1\n1F0 1F1\n2F0 2F1\n");
  EXPECT_FALSE(result.plan);
}

}  // namespace
}  // namespace pprun
