#include "compiler/simulate/machine.h"

#include <gtest/gtest.h>

#include <string>

namespace pprun {
namespace {

constexpr std::string_view kSmall =
    "# a comment\n"
    "name small\n"
    "flops f32 1e12  # and here\n"
    "memory bytes 1e9\n"
    "\n"
    "memory bandwidth 1e11\n"
    "link inner ring size 4 axes 2 bandwidth 1e10 latency 0\n"
    "link outer switch size any axes 1 bandwidth 1e9 latency 1e-5\n"
    "launch 2e-6\n"
    "achievable flops 0.5\n";

std::string ErrorOf(const std::string& text) {
  try {
    ParseMachine(text, "m");
  } catch (const MachineError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ParseMachine, ReadsEverything) {
  const Machine machine = ParseMachine(kSmall, "m");
  EXPECT_EQ(machine.name, "small");
  EXPECT_EQ(machine.flops[static_cast<size_t>(DType::kF32)], 1e12);
  EXPECT_EQ(machine.flops[static_cast<size_t>(DType::kBF16)], 0);
  EXPECT_EQ(machine.memory_bytes, 1e9);
  EXPECT_EQ(machine.memory_bandwidth, 1e11);
  ASSERT_EQ(machine.links.size(), 2u);
  EXPECT_EQ(machine.links[0].kind, MachineLink::Kind::kRing);
  EXPECT_EQ(machine.links[0].size, 4);
  EXPECT_EQ(machine.links[0].axes, 2);
  EXPECT_EQ(machine.links[1].size, 0);
  EXPECT_EQ(machine.links[1].latency, 1e-5);
  EXPECT_EQ(machine.launch, 2e-6);
  EXPECT_EQ(machine.achievable_flops, 0.5);
  EXPECT_EQ(machine.achievable_links, 1);
}

TEST(ParseMachine, ReadsWhatToTextWrites) {
  for (const MachineFile& file : BuiltInMachines()) {
    const std::string text = ToText(ParseMachine(file.text, std::string(file.name)));
    EXPECT_EQ(ToText(ParseMachine(text, "again")), text);
  }
}

TEST(ParseMachine, SaysWhatIsWrong) {
  const std::string small(kSmall);
  EXPECT_EQ(ErrorOf("speed 3\n"),
            "m: line 1: `speed` is none of name, flops, memory, link, launch, achievable");
  EXPECT_EQ(ErrorOf("\nflops f32 fast\n"), "m: line 2: a number expected, found `fast`");
  EXPECT_EQ(ErrorOf("flops f32\n"), "m: line 1: a number expected at the end of the line");
  EXPECT_EQ(ErrorOf("flops i32 1\n"), "m: line 1: `i32` is none of f32, f64, bf16");
  EXPECT_EQ(ErrorOf("launch -1\n"), "m: line 1: `-1` is too small");
  EXPECT_EQ(ErrorOf("memory bytes 0\n"), "m: line 1: `0` is too small");
  EXPECT_EQ(ErrorOf("achievable flops 1.5\n"), "m: line 1: `1.5` is more than 1");
  EXPECT_EQ(ErrorOf("launch 1 2\n"), "m: line 1: nothing expected after `1`");
  EXPECT_EQ(ErrorOf("launch 1\nlaunch 1\n"), "m: line 2: `launch` is given twice");
  EXPECT_EQ(ErrorOf("link a bus size 1 axes 1 bandwidth 1 latency 0\n"),
            "m: line 1: `bus` is none of switch, ring, torus");
  EXPECT_EQ(ErrorOf("link a ring size 1.5 axes 1 bandwidth 1 latency 0\n"),
            "m: line 1: a whole number expected");
  EXPECT_EQ(ErrorOf(small + "link far switch size any axes 1 bandwidth 1 latency 0\n"),
            "m: line 11: no link is outside of one that joins `any` ranks");
  EXPECT_EQ(ErrorOf("name a\nflops f64 1\n"), "m: `flops f32` or `flops bf16` is missing");
  EXPECT_EQ(ErrorOf("name a\nflops f32 1\nmemory bytes 1\nmemory bandwidth 1\n"),
            "m: `link` is missing");
}

TEST(MachineNamed, FindsTheBuiltInOnes) {
  for (const char* name : {"a100", "h100", "h200", "tpu_v5p"}) {
    EXPECT_EQ(MachineNamed(name).name, name);
  }
  EXPECT_NEAR(MachineNamed("tpu_v5p").flops[static_cast<size_t>(DType::kBF16)], 4.6e14, 2e12);
  EXPECT_EQ(MachineNamed("tpu_v5p").links[0].bandwidth, 1.8e11);
  try {
    MachineNamed("abacus");
    FAIL();
  } catch (const MachineError& error) {
    EXPECT_EQ(std::string(error.what()),
              "there is no machine `abacus`; there are a100, h100, h200, tpu_v5p, or give the path "
              "of a `.machine` file");
  }
  EXPECT_THROW(MachineNamed("nowhere/x.machine"), std::runtime_error);
}

TEST(LinkJoining, FindsTheInnermost) {
  const Machine machine = ParseMachine(kSmall, "m");
  EXPECT_EQ(LinkJoining(machine, {0, 3}).name, "inner");
  EXPECT_EQ(LinkJoining(machine, {4, 5, 7}).name, "inner");
  EXPECT_EQ(LinkJoining(machine, {3, 4}).name, "outer");
}

TEST(AchievedFlops, FallsBackToATypeThatIsSaid) {
  const Machine machine = ParseMachine(kSmall, "m");
  EXPECT_EQ(AchievedFlops(machine, DType::kF32), 5e11);
  EXPECT_EQ(AchievedFlops(machine, DType::kBF16), 5e11);
  EXPECT_GT(AchievedFlops(MachineNamed("tpu_v5p"), DType::kF32), 0);
}

TEST(MessageSpeed, IsOneWayOfARing) {
  const Machine machine = ParseMachine(kSmall, "m");
  EXPECT_EQ(CollectiveSpeed(machine, machine.links[0]).bandwidth, 1e10);
  EXPECT_EQ(MessageSpeed(machine, machine.links[0]).bandwidth, 5e9);
  EXPECT_EQ(MessageSpeed(machine, machine.links[1]).bandwidth, 1e9);
}

}  // namespace
}  // namespace pprun
