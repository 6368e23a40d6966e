// What each instruction reads and writes.
#include "compiler/plan/effects.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compiler/plan/text.h"
#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

std::string EffectsText(const Plan& plan, size_t position, const Instruction& instruction) {
  std::vector<Effect> effects;
  AppendEffects(plan, plan.positions[position], instruction, effects);
  std::string text;
  for (const Effect& effect : effects) {
    text += (text.empty() ? "" : ", ") + std::string(1, "rwa"[static_cast<int>(effect.access)]) +
            " " + std::string(Name(effect.arena)) + " " + std::to_string(effect.begin) + "-" +
            std::to_string(effect.end);
  }
  return text;
}

std::string EffectsOf(const Plan& plan, size_t position, const std::string& text) {
  const size_t i = FindInstruction(plan, position, text);
  return EffectsText(plan, position, StepOf(const_cast<Plan&>(plan), position)[i]);
}

TEST(Effects, FollowTheArgumentsOfARun) {
  const Plan plan = BuildPlan();
  EXPECT_EQ(EffectsOf(plan, 0, "@embed.forward"),
            "r parameters 0-512, r batch 0-32, w transfer_slots 0-256");
  EXPECT_EQ(EffectsOf(plan, 1, "@head.backward"),
            "r parameters 0-512, a gradients 0-512, r transfer_slots 0-256, w transfer_slots "
            "512-768, r batch 192-224, r frames 0-576, w workspace 0-576");
}

TEST(Effects, OfTheOtherInstructions) {
  const Plan plan = BuildPlan({.dp = 2, .clip = 1});
  EXPECT_EQ(EffectsOf(plan, 0, "send"), "r transfer_slots 0-256");
  EXPECT_EQ(EffectsOf(plan, 1, "recv"), "w transfer_slots 0-256");
  EXPECT_EQ(EffectsOf(plan, 0, "load"), "w batch 0-32");
  EXPECT_EQ(EffectsOf(plan, 0, "zero"), "w gradients 0-512");
  EXPECT_EQ(EffectsOf(plan, 0, "all_reduce"), "a gradients 0-512");
  EXPECT_EQ(EffectsOf(plan, 0, "square_sum"), "r gradients 0-512, w scalars 192-200");
  EXPECT_EQ(EffectsOf(plan, 0, "all_gather"), "r scalars 192-200, w scalars 256-272");
  EXPECT_EQ(EffectsOf(plan, 0, "clip_factor"), "r scalars 256-272, w scalars 320-328");
  EXPECT_EQ(EffectsOf(plan, 0, "update"),
            "r scalars 320-328, r gradients 0-512, a parameters 0-512, a optimizer 0-512, a "
            "optimizer 512-1024");
  EXPECT_EQ(EffectsOf(plan, 0, "wait"), "");
  EXPECT_EQ(EffectsOf(plan, 0, "record"), "");
}

TEST(Effects, ABroadcastIsReadWhereItsRootIs) {
  Plan plan = BuildPlan({.dp = 2});
  plan.groups.push_back({"all", {PositionId(1), PositionId(0)}, {AxisId(1)}});
  Collective broadcast{CollectiveKind::kBroadcast, BufferId(0), BufferId(0), GroupId(2), 1};
  // Members in rank order: (0, 0), (0, 1), (1, 0), (1, 1).
  EXPECT_EQ(EffectsText(plan, 0, {StreamId(0), SourceId(), broadcast}), "a parameters 0-512");
  EXPECT_EQ(EffectsText(plan, 1, {StreamId(0), SourceId(), broadcast}), "w parameters 0-512");
  broadcast.root = 2;
  EXPECT_EQ(EffectsText(plan, 0, {StreamId(0), SourceId(), broadcast}), "w parameters 0-512");
  EXPECT_EQ(EffectsText(plan, 1, {StreamId(0), SourceId(), broadcast}), "a parameters 0-512");
}

}  // namespace
}  // namespace pprun
