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

TEST(StudyTest, InferenceGoesForwardAndKeepsNothing) {
  const Compilation result =
      CompileSource("mesh { pp = 3; }\nschedule forward_only;\n", {{"microbatches", "5"}});
  ASSERT_TRUE(result.Ok()) << result.Messages();
  EXPECT_EQ(result.purpose, Compilation::Purpose::kInferenceStudy);
  EXPECT_EQ(result.plan->train.steps, 0);
  for (const Position& position : result.plan->positions) {
    EXPECT_EQ(position.arena_bytes[static_cast<size_t>(ArenaKind::kGradients)], 0);
    EXPECT_EQ(position.arena_bytes[static_cast<size_t>(ArenaKind::kFrames)], 0);
  }
  const Figures figures =
      Summarise(*result.plan, Simulate(*result.plan, ProgramKind::kStep, CostTable{}));
  EXPECT_DOUBLE_EQ(figures.makespan, 5 + 2);
  EXPECT_EQ(figures.peak_activations, (std::vector<int64_t>{1, 1, 1}));
}

// What is held to validation's rules is a plan that never trains, and only that.
TEST(StudyTest, APlanThatTrainsMayNotGoForwardOnly) {
  Compilation result =
      CompileSource("mesh { pp = 2; }\nschedule forward_only;\n", {{"microbatches", "2"}});
  ASSERT_TRUE(result.Ok()) << result.Messages();
  result.plan->train.steps = 1;
  EXPECT_FALSE(Verify(*result.plan).empty());
  result.plan->train.steps = 0;
  // Nor may it leave anything out.
  auto& step = result.plan->positions[1].programs[static_cast<size_t>(ProgramKind::kStep)];
  std::erase_if(step.instructions, [](const Instruction& i) {
    return std::holds_alternative<pprun::Run>(i.operands);
  });
  EXPECT_FALSE(Verify(*result.plan).empty());
}

}  // namespace
}  // namespace pprun
