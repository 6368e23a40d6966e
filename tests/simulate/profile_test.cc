#include "compiler/simulate/profile.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

TEST(ProfileOf, LeavesOutWaitingForPartners) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(3, 6));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=2,B=2,C=0.25"), 3);
  const Profile profile = ProfileOf(plan, trace);
  ASSERT_EQ(profile.entries.size(), 2u);
  // One function serves all tasks of these plans; two of three steps count.
  ASSERT_NE(EntryOf(profile, kRun, plan.functions[0]), nullptr);
  const ProfileEntry& run = *EntryOf(profile, kRun, plan.functions[0]);
  EXPECT_EQ(run.seconds, 2);
  EXPECT_EQ(run.count, 2 * 3 * 12);
  const ProfileEntry& transfer = profile.entries.at({"transfer", "", 32});
  EXPECT_EQ(transfer.seconds, 0.25);
  EXPECT_EQ(transfer.count, 2 * 2 * 4 * 6);  // both ends of each
}

// Predicting with what a prediction took gives the prediction.
TEST(ProfileOf, PredictsWhatItWasMeasuredOn) {
  const Plan plan = PipelinePlan(
      OneForwardOneBackward(4, 8),
      {.layers = 2, .data_parallel = 2, .reduce = testing::PipelineOptions::Reduce::kAtEnd});
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=3,B=3,C=0.5,A=4"), 2);
  const Trace again = Simulate(plan, ProgramKind::kStep, ProfileOf(plan, trace), 2);
  ASSERT_EQ(again.events.size(), trace.events.size());
  for (size_t i = 0; i < trace.events.size(); ++i) {
    EXPECT_DOUBLE_EQ(again.events[i].end, trace.events[i].end);
  }
}

TEST(ProfileOf, TakesTheMedianOfAllReplicas) {
  const Plan plan =
      PipelinePlan(testing::GPipe(1, 1),
                   {.data_parallel = 2, .reduce = testing::PipelineOptions::Reduce::kAtEnd});
  Trace trace;  // forward 0, backward 1, all_reduce 4; rank 1 is late
  trace.events = {
      {0, ProgramKind::kInitialise, 0, 0, 0, 9}, {0, ProgramKind::kStep, 0, 0, 10, 11},
      {0, ProgramKind::kStep, 0, 4, 15, 40},     {1, ProgramKind::kStep, 0, 0, 10, 13},
      {1, ProgramKind::kStep, 0, 1, 13, 15},     {1, ProgramKind::kStep, 0, 4, 36, 40},
  };
  const Profile profile = ProfileOf(plan, trace);
  ASSERT_NE(EntryOf(profile, kRun, plan.functions[0]), nullptr);
  EXPECT_EQ(EntryOf(profile, kRun, plan.functions[0])->seconds, 2);
  EXPECT_EQ(profile.entries.at({"all_reduce", "2 ranks", 32}).seconds, 4);
  EXPECT_EQ(profile.entries.size(), 2u);
}

TEST(ProfileFile, ReadsWhatItWrites) {
  Profile profile;
  profile.entries[{"run", "block \"odd\".forward", 0}] = {0.1, 7};
  profile.entries[{"all_reduce", "8 ranks", 1 << 20}] = {1.0 / 3, 2};
  const std::string path = ::testing::TempDir() + "/pprun_profile_test.profile";
  WriteProfile(path, profile);
  const Profile read = ReadProfile(path);
  std::remove(path.c_str());
  EXPECT_EQ(ToJson(read), ToJson(profile));
  EXPECT_EQ(read.entries.at({"all_reduce", "8 ranks", 1 << 20}).seconds, 1.0 / 3);
  EXPECT_TRUE(ParseProfile(ToJson({}), "empty").entries.empty());
}

TEST(ProfileFile, SaysWhatIsWrong) {
  const auto error = [](const std::string& text) -> std::string {
    try {
      ParseProfile(text, "p");
    } catch (const std::runtime_error& wrong) {
      return wrong.what();
    }
    return "accepted";
  };
  const std::string head = "{\"format\": \"pprun profile\", \"version\": 2, \"entries\": [";
  const std::string entry =
      "{\"kind\": \"run\", \"name\": \"f\", \"bytes\": 0, \"seconds\": 1, \"count\": 1}";
  EXPECT_EQ(error(head + entry + "]}"), "accepted");
  EXPECT_EQ(error("[]"), "p: `format` is missing");
  EXPECT_EQ(error("{\"format\": \"x\"}"), "p: not a profile");
  EXPECT_EQ(error("{\"format\": 1}"), "p: `format` is of the wrong type");
  EXPECT_EQ(error("{\"format\": \"pprun profile\", \"version\": 1}"),
            "p: a profile of another version: measure it again");
  EXPECT_EQ(error(head + "{}]}"), "p: `kind` is missing");
  EXPECT_EQ(error(head + entry + "," + entry + "]}"), "p: `run f` is there twice");
  EXPECT_EQ(error(head + "{\"kind\": \"run\", \"name\": \"f\", \"bytes\": -1, \"seconds\": 1, "
                         "\"count\": 1}]}"),
            "p: `bytes` is not a count");
  EXPECT_EQ(error(head + "{\"kind\": \"run\", \"name\": \"f\", \"bytes\": 0, \"seconds\": -1, "
                         "\"count\": 1}]}"),
            "p: `run` takes less than no time");
  EXPECT_THROW(ReadProfile("nowhere/at.all"), std::runtime_error);
}

}  // namespace
}  // namespace pprun
