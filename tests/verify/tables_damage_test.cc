// One thing wrong at a time in what a plan says of data, model and saved weights.
#include <gtest/gtest.h>

#include <variant>

#include "tests/plan/plan_builder.h"
#include "tests/verify/expect_finding.h"

namespace pprun {
namespace {

// Tokens index tables without being asked whether they may.
TEST(TablesDamage, VocabularyBeyondATable) {
  Plan plan = BuildPlan();
  plan.train.vocabulary = 17;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(),
                "function `embed.forward`: `embedding` has 16 entries for a vocabulary of 17");
  plan.train.vocabulary = 15;
  EXPECT_TRUE(Verify(plan).empty());
}

TEST(TablesDamage, IntegersThatAreNoTokens) {
  Plan plan = BuildPlan();
  Function& head = plan.functions[3];
  ASSERT_EQ(head.arguments[4].role, Role::kFrameInput);
  // The logits' memory, once they are there, read as targets.
  head.views.push_back({4, 0, head.views[2].type});
  const auto last = ViewId(static_cast<int64_t>(head.views.size()) - 1);
  head.operations[1].operands[1] = last;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "takes integers from `frame_input`");
}

TEST(TablesDamage, LossOfAnotherScale) {
  Plan plan = BuildPlan();
  for (Operation& operation : plan.functions[5].operations) {
    if (operation.kind == OpKind::kCrossEntropyGrad) operation.attributes.loss_scale *= 2;
  }
  ExpectFinding(plan, FindingKind::kTypes, SourceId(),
                "does not scale the loss by 1 / (batch * sequence)");
}

// Samples are divided over the axes that are known to divide them.
TEST(TablesDamage, AxisThatDividesNothing) {
  Plan plan = BuildPlan({.dp = 2});
  plan.mesh[1].name = "tp";
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "mesh axis `tp` divides no work");
}

TEST(TablesDamage, NamesThatAreThereTwice) {
  Plan plan = BuildPlan();
  plan.layers[1].name = plan.layers[0].name;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "layer `embed` has the key of another name");
  plan.layers[1].key = plan.layers[0].key;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "layer `embed` is there twice");
  plan = BuildPlan();
  plan.parameters[1].name = plan.parameters[0].name;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "parameter `embed.table` is there twice");
  plan = BuildPlan();
  plan.parameters[1].exports[0].name = plan.parameters[0].exports[0].name;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "is saved under the name of another one");
}

TEST(TablesDamage, RowsThatAreNotSaved) {
  Plan plan = BuildPlan();
  plan.parameters[0].exports[0].row_end = 15;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "is saved without its last rows");
  plan.parameters[0].exports = {{"rest", 8, 16}, {"start", 0, 8}};
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "that it does not have, or out of order");
  plan.parameters[0].exports = {{"start", 0, 8}, {"rest", 8, 16}};
  EXPECT_TRUE(Verify(plan).empty());
}

TEST(TablesDamage, StageWithoutLayers) {
  Plan plan = BuildPlan();
  plan.stages = INT32_MAX;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "a stage has no layers");
}

TEST(TablesDamage, MoreSamplesThanHaveNumbers) {
  Plan plan = BuildPlan();
  plan.train.steps = int64_t{1} << 40;
  EXPECT_TRUE(Verify(plan).empty());
  plan.train.steps += 1;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "negative or too large");
  plan = BuildPlan({.positions = 1, .microbatches = 1});
  plan.train.validate_batches = INT64_MAX;
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "negative or too large");
}

TEST(TablesDamage, RootOfACollectiveThatHasNone) {
  Plan plan = BuildPlan({.dp = 2});
  const size_t sum = FindInstruction(plan, 0, "all_reduce");
  std::get<Collective>(StepOf(plan, 0)[sum].operands).root = 7;
  ExpectFinding(plan, FindingKind::kTypes, StepOf(plan, 0)[sum].source, "has no such root");
}

TEST(TablesDamage, ValidationDataWithoutValidation) {
  Plan plan = BuildPlan({.validate = PlanToBuild::Validate::kNo});
  EXPECT_TRUE(Verify(plan).empty());
  plan.train.validation = {DataSpec::Kind::kSynthetic, "", 2};
  const std::vector<Finding> findings = Verify(plan);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].kind, FindingKind::kCompleteness);
  // A program that computes nothing may not change anything either.
  plan = BuildPlan({.positions = 1, .validate = PlanToBuild::Validate::kNo});
  auto& validate = plan.positions[0].programs[static_cast<size_t>(ProgramKind::kValidate)];
  validate.instructions = {{StreamId(0), SourceId(0), Zero{BufferId(0)}}};
  ExpectFinding(plan, FindingKind::kCompleteness, SourceId(0), "changes what training needs");
}

}  // namespace
}  // namespace pprun
