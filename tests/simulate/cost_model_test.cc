#include "compiler/simulate/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::GPipe;
using testing::PipelinePlan;

Machine RoundMachine() {
  return ParseMachine(
      "name round\nflops f32 1000\nmemory bytes 1000\nmemory bandwidth 100\n"
      "link inner switch size 2 axes 1 bandwidth 50 latency 1\n"
      "link outer switch size any axes 1 bandwidth 10 latency 4\n"
      "launch 0.5\nachievable flops 0.5\n",
      "round");
}

// Makes a linear [4, 2] x [2, 2] of the plan's one function: x 32 bytes, weight 16, y 32.
Plan WithLinear(Plan plan, double flops) {
  Function& function = plan.functions[0];
  function.views = {{0, 0, {DType::kF32, {1, 4, 2}}},
                    {1, 0, {DType::kF32, {2, 2}}},
                    {2, 0, {DType::kF32, {1, 4, 2}}}};
  function.operations = {{OpKind::kLinear, {}, {ViewId(0), ViewId(1), ViewId(), ViewId(2)}, "up"}};
  function.flops = flops;
  return plan;
}

std::vector<double> CostsOf(const Plan& plan, int64_t position, const CostModel& model) {
  return InstructionCosts(
      plan, PositionId(position), ProgramKind::kStep,
      TasksOf(plan.positions[static_cast<size_t>(position)], ProgramKind::kStep), model);
}

// The cost of the first instruction of a kind.
template <typename Kind>
double First(const Plan& plan, int64_t position, const CostModel& model) {
  const auto& instructions = plan.positions[static_cast<size_t>(position)].programs[1].instructions;
  const std::vector<double> costs = CostsOf(plan, position, model);
  for (size_t i = 0; i < costs.size(); ++i) {
    if (std::holds_alternative<Kind>(instructions[i].operands)) return costs[i];
  }
  return -1;
}

TEST(InstructionCosts, OfAMachineAreARoofline) {
  // 80 bytes at 100 B/s; FLOPs at 500 a second; a launch of 0.5.
  const Plan memory_bound = WithLinear(PipelinePlan(GPipe(1, 1)), 32);
  EXPECT_DOUBLE_EQ(First<pprun::Run>(memory_bound, 0, RoundMachine()), 0.8 + 0.5);
  const Plan compute_bound = WithLinear(PipelinePlan(GPipe(1, 1)), 1000);
  EXPECT_DOUBLE_EQ(First<pprun::Run>(compute_bound, 0, RoundMachine()), 2 + 0.5);
}

TEST(InstructionCosts, OfAMachineTakeTheLinkThatJoinsTheRanks) {
  // A message is 32 bytes. Positions 0 and 1 are ranks 0 and 1; without dp they share a node.
  const Plan near = WithLinear(PipelinePlan(GPipe(2, 1)), 0);
  EXPECT_DOUBLE_EQ(First<Send>(near, 0, RoundMachine()), 1 + 32 / 50.0 + 0.5);
  EXPECT_DOUBLE_EQ(First<Recv>(near, 1, RoundMachine()), 1 + 32 / 50.0 + 0.5);
  EXPECT_EQ(First<Record>(near, 0, RoundMachine()), 0);
  EXPECT_EQ(First<Wait>(near, 0, RoundMachine()), 0);
  // With dp = 2 they are ranks 0 and 2, in two nodes; dp itself is within one.
  const Plan far = WithLinear(
      PipelinePlan(GPipe(2, 1),
                   {.data_parallel = 2, .reduce = testing::PipelineOptions::Reduce::kAtEnd}),
      0);
  EXPECT_DOUBLE_EQ(First<Send>(far, 0, RoundMachine()), 4 + 32 / 10.0 + 0.5);
  EXPECT_DOUBLE_EQ(First<Collective>(far, 0, RoundMachine()), 2 * 1 + 32 / 50.0 + 0.5);
}

TEST(InstructionCosts, OfAPairAreThoseOfThePair) {
  const testing::Orders orders = {{{TaskKind::kForward, 0},
                                   {TaskKind::kForward, 1},
                                   {TaskKind::kBackward, 0, testing::Task::Stream::kBeside},
                                   {TaskKind::kBackward, 1}}};
  const Plan plan = WithLinear(PipelinePlan(orders), 1000);
  const Trace trace = Simulate(plan, ProgramKind::kStep, RoundMachine());
  // Two tasks that share the machine take as long as one after the other.
  EXPECT_DOUBLE_EQ(Summarise(plan, trace).makespan, 4 * 2.5);
  Profile profile;
  const int64_t moved = std::llround(TrafficOf(plan.functions[0]));
  profile.entries[{"run", "block.forward", moved}] = {1, 1};
  EXPECT_DOUBLE_EQ(Summarise(plan, Simulate(plan, ProgramKind::kStep, profile)).makespan, 4);
  profile.entries[{"overlapped_run", "block.forward", moved}] = {1.5, 1};
  EXPECT_DOUBLE_EQ(Summarise(plan, Simulate(plan, ProgramKind::kStep, profile)).makespan, 3.5);
}

TEST(InstructionCosts, OfAProfileAreAsMeasuredOrScaled) {
  const Plan plan = WithLinear(PipelinePlan(GPipe(2, 1)), 0);
  Profile profile;
  const int64_t moved = std::llround(TrafficOf(plan.functions[0]));
  profile.entries[{"run", "block.forward", moved}] = {0.25, 10};
  EXPECT_EQ(First<pprun::Run>(plan, 0,
                              [&] {
                                profile.entries[{"transfer", "", 64}] = {2, 1};
                                return profile;
                              }()),
            0.25);
  EXPECT_EQ(First<Send>(plan, 0, profile), 1);  // half as large
  profile.entries[{"transfer", "", 32}] = {5, 1};
  EXPECT_EQ(First<Send>(plan, 0, profile), 5);
  profile.entries.erase({"run", "block.forward", moved});
  const auto error = [&]() -> std::string {
    try {
      CostsOf(plan, 0, profile);
    } catch (const std::runtime_error& thrown) {
      return thrown.what();
    }
    return "";
  };
  EXPECT_TRUE(error().starts_with("the profile does not say what `block.forward` costs"));
  // Of one name, and of other sizes.
  profile.entries[{"run", "block.forward", moved + 2048}] = {0.25, 10};
  EXPECT_TRUE(error().starts_with("the profile is of another `block.forward`, which moves "));
}

TEST(InstructionCosts, AskForConstantsWhereThereAreNoFunctions) {
  Plan plan = PipelinePlan(GPipe(1, 1));
  for (Instruction& instruction : plan.positions[0].programs[1].instructions) {
    if (auto* run = std::get_if<pprun::Run>(&instruction.operands)) run->function = {};
  }
  EXPECT_EQ(CostsOf(plan, 0, CostTable{}), (std::vector<double>{1, 2}));
  EXPECT_THROW(CostsOf(plan, 0, RoundMachine()), std::invalid_argument);
  EXPECT_THROW(CostsOf(plan, 0, Profile{}), std::invalid_argument);
}

TEST(TrafficOf, TouchesARowOfATableForEachToken) {
  Function function;
  function.views = {{0, 0, {DType::kI32, {1, 4}}},
                    {1, 0, {DType::kF32, {1000, 8}}},
                    {2, 0, {DType::kF32, {1, 4, 8}}}};
  function.operations = {{OpKind::kEmbedding, {}, {ViewId(0), ViewId(1), ViewId(2)}, ""}};
  EXPECT_EQ(TrafficOf(function), 16 + 128 + 128);
  function.operations = {{OpKind::kEmbeddingWeightGrad, {}, {ViewId(0), ViewId(2), ViewId(1)}, ""}};
  EXPECT_EQ(TrafficOf(function), 16 + 128 + 2 * 128);
}

}  // namespace
}  // namespace pprun
