// The plan as text.
#include "compiler/plan/text.h"

#include <gtest/gtest.h>

#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

TEST(PlanText, HumanBytes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.0 KiB");
  EXPECT_EQ(HumanBytes(1048575), "1.0 MiB");
  EXPECT_EQ(HumanBytes(13212057), "12.6 MiB");
  EXPECT_EQ(HumanBytes(int64_t{5} << 40), "5.0 TiB");
}

std::string First(const Plan& plan, size_t position, const std::string& text) {
  return ToText(plan, plan.positions[position],
                StepOf(const_cast<Plan&>(plan), position)[FindInstruction(plan, position, text)]);
}

TEST(PlanText, Instructions) {
  const Plan plan = BuildPlan({.dp = 2, .clip = 1});
  EXPECT_EQ(First(plan, 0, "send"),
            "send       activation[0] to position 1, channel activation 0 to 1, microbatch 0");
  EXPECT_EQ(First(plan, 1, "recv"),
            "recv       activation[0] from position 0, channel activation 0 to 1, microbatch 0");
  EXPECT_EQ(First(plan, 0, "@embed.forward"),
            "run        @embed.forward embed microbatch 0 (tokens tokens[0], output "
            "activation[0])");
  EXPECT_EQ(First(plan, 0, "all_reduce"), "all_reduce gradient of embed.table over dp");
  EXPECT_EQ(First(plan, 0, "all_gather"), "all_gather squares into all squares over pp");
  EXPECT_EQ(First(plan, 0, "load"), "load       tokens of microbatch 0 into tokens[0]");
  EXPECT_EQ(First(plan, 0, "square_sum"), "square_sum gradients of embed.table");
  EXPECT_EQ(First(plan, 0, "update"), "update     embed.table, clipped by clip");
  EXPECT_EQ(First(BuildPlan({.positions = 1}), 0, "update"), "update     embed.table and 1 more");
  EXPECT_EQ(First(plan, 0, "record"), "record     e0");
}

TEST(PlanText, Function) {
  const Plan plan = BuildPlan();
  EXPECT_EQ(ToText(plan, plan.functions[0]),
            "function @embed.forward   F, 0 flops\n"
            "    argument 0 parameter[0], read, 512 bytes\n"
            "    argument 1 tokens, read, 32 bytes\n"
            "    argument 2 output, write, 256 bytes\n"
            "    %0 = argument 0 +0 f32[16, 8]\n"
            "    %1 = argument 1 +0 i32[2, 4]\n"
            "    %2 = argument 2 +0 f32[2, 4, 8]\n"
            "    embedding                tokens=%1 table=%0 y=%2\n");
}

TEST(PlanText, HasEveryPositionWithItsProgramsAndTheirPlaces) {
  const Plan plan = BuildPlan();
  const std::string text = ToText(plan);
  EXPECT_EQ(text.find("plan built.sched   schedule built, mesh pp=2 dp=1, 2 stages\n"), 0u);
  EXPECT_NE(text.find("\nposition 1 of pp=2   arenas: parameters 512 B, gradients 512 B, optimizer "
                      "1.0 KiB, frames 2.2 KiB"),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find("\n  updates\n    embed.table                      embed.table with gradient of "
                "embed.table, "),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("\n    compute.0    zero       gradient of embed.table"
                      "                             ; built.sched:5  built\n"),
            std::string::npos)
      << text;
}

// Findings about plans with bad references quote instructions.
TEST(PlanText, PrintsReferencesThatLeadNowhere) {
  Plan plan = BuildPlan();
  const Position& position = plan.positions[0];
  const std::vector<Operands> operands = {
      pprun::Run{FunctionId(99), LayerId(-5), StageId(1), ChunkId(1), MicrobatchId(1), {}, 1 << 30},
      pprun::Run{FunctionId(0), LayerId(0), StageId(1), ChunkId(1), MicrobatchId(1), {}, -9},
      Send{BufferId(1 << 30), ChannelId(44), MicrobatchId(-1)},
      Collective{.source = BufferId(3), .target = BufferId(-3), .group = GroupId(9)},
      Update{.first = -7, .count = 1 << 30, .clip = BufferId(99)},
      SquareSum{.first = 1 << 30, .count = 9}};
  for (const Operands& each : operands) {
    const std::string text = ToText(plan, position, {StreamId(50), SourceId(900), each});
    EXPECT_NE(text, "");
  }
  EXPECT_EQ(ToText(plan, position, {StreamId(0), SourceId(), operands[2]}),
            "send       buffer 1073741824? to position ?, channel channel 44?, microbatch -1");
  EXPECT_EQ(ToText(plan, SourceId(1 << 20)), "");
}

}  // namespace
}  // namespace pprun
