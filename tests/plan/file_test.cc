// Plan files: exact both ways, and any bytes are a plan or an error.
#include "compiler/plan/file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "compiler/plan/text.h"
#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

// A plan in which nothing has its default.
Plan FullPlan() {
  Plan plan = BuildPlan({.dp = 2, .clip = 1, .halves = PlanToBuild::Halves::kApart});
  plan.parameters[0].split = {{1, {AxisId(1), AxisId(0)}, 3}};
  plan.parameters[0].owner = {AxisId(1)};
  plan.parameters[1].aliases = {"one", "", "three"};
  plan.parameters[1].exports[0].layout = ExportPart::Layout::kTransposed;
  plan.functions[0].operations[0].attributes = {4, 2, 1e4F, 1e-5F, 0.1F, 0.125, 77};
  plan.functions[0].operations[0].label = "attn.qkv";
  plan.functions[0].flops = 1.5e9;
  plan.train.data = {DataSpec::Kind::kTokensU16, "train.bin", 3, SourceId(1)};
  plan.train.seed = UINT64_MAX;
  plan.sources.push_back({-1, 0, 0, "a reason\nwith a line"});
  auto& step = StepOf(plan, 0);
  step.push_back({StreamId(1), SourceId(2), Cast{BufferId(1), BufferId(2)}});
  step.push_back({StreamId(1), SourceId(2), Add{BufferId(1), BufferId(2)}});
  step.push_back({StreamId(1), SourceId(2), Permute{BufferId(1), BufferId(2), GroupId(0), -4}});
  step.push_back({StreamId(1), SourceId(2),
                  Collective{CollectiveKind::kReduce, BufferId(1), BufferId(2), GroupId(0), 3}});
  return plan;
}

TEST(PlanFile, RoundTripIsExact) {
  for (const Plan& plan : {FullPlan(), BuildPlan({.positions = 1}), Plan()}) {
    const std::vector<std::byte> bytes = Serialise(plan);
    const Plan read = Deserialise(bytes);
    EXPECT_EQ(ToText(read), ToText(plan));
    EXPECT_EQ(Serialise(read), bytes);
    EXPECT_EQ(Digest(read), Digest(plan));
    EXPECT_EQ(read.train.data.source, plan.train.data.source);
  }
  EXPECT_NE(Digest(FullPlan()), Digest(BuildPlan()));
}

std::string ErrorOf(const std::vector<std::byte>& bytes) {
  try {
    Deserialise(bytes);
  } catch (const PlanFileError& error) {
    return error.what();
  }
  return "";
}

TEST(PlanFile, SaysWhatIsWrong) {
  std::vector<std::byte> bytes = Serialise(BuildPlan());
  EXPECT_EQ(ErrorOf({}), "not a plan file");
  EXPECT_EQ(ErrorOf(std::vector<std::byte>(1000)), "not a plan file");
  std::vector<std::byte> newer = bytes;
  newer[8] = std::byte{6};
  EXPECT_EQ(ErrorOf(newer), "written by a newer pprun (format 6; this one reads 5)");
  std::vector<std::byte> older = bytes;
  older[8] = std::byte{4};
  EXPECT_EQ(ErrorOf(older),
            "written by an older pprun (format 4; this one reads 5): compile it again");
  std::vector<std::byte> damaged = bytes;
  damaged[bytes.size() / 2] ^= std::byte{1};
  EXPECT_EQ(ErrorOf(damaged), "damaged: the content hash differs");
  std::vector<std::byte> cut(bytes.begin(), bytes.end() - 1);
  EXPECT_EQ(ErrorOf(cut), "damaged: cut off, or longer than it says");
}

// Every place of the table and of the first records, with values that overflow what they can.
TEST(PlanFile, BoundsHoldWhateverTheNumbersSay) {
  const std::vector<std::byte> bytes = Serialise(BuildPlan({.microbatches = 1}));
  int errors = 0;
  for (size_t at = 32; at + 8 <= std::min<size_t>(bytes.size(), 2000); at += 4) {
    for (const uint64_t value :
         {UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 31, uint64_t{0xFFFFFFFF}, uint64_t{0}}) {
      std::vector<std::byte> damaged = bytes;
      std::memcpy(damaged.data() + at, &value, 8);
      SealPlanFile(damaged);
      if (!ErrorOf(damaged).empty()) ++errors;
    }
  }
  EXPECT_GT(errors, 500);
}

TEST(PlanFile, WritesUnderATemporaryNameAndSaysWhere) {
  const std::string path = testing::TempDir() + "pprun_file_test.plan";
  const Plan plan = BuildPlan();
  WritePlanFile(path, plan);
  EXPECT_EQ(ToText(ReadPlanFile(path)), ToText(plan));
  EXPECT_FALSE(std::ifstream(path + ".partial").good());
  std::ofstream(path) << "no plan";
  try {
    ReadPlanFile(path);
    FAIL();
  } catch (const PlanFileError& error) {
    EXPECT_EQ(std::string(error.what()), "`" + path + "`: not a plan file");
  }
  std::remove(path.c_str());
  EXPECT_THROW(ReadPlanFile(path), std::runtime_error);
  EXPECT_THROW(WritePlanFile("/nowhere/at/all.plan", plan), std::runtime_error);
}

TEST(PlanFile, SizeAndTimeStayInProportion) {
  const Plan plan = BuildPlan({.microbatches = 10000});
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::byte> bytes = Serialise(plan);
  const Plan read = Deserialise(bytes);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(StepOf(const_cast<Plan&>(read), 0).size(), StepOf(const_cast<Plan&>(plan), 0).size());
  EXPECT_LT(time.count(), 5);
}

}  // namespace
}  // namespace pprun
