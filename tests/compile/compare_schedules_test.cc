#include "compiler/compare_schedules.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "compiler/plan/base/json.h"
#include "compiler/predict.h"
#include "tests/compile/compile_source.h"

namespace pprun {
namespace {

class CompareTest : public testing::Test {
 protected:
  CompareTest() : path_(Path("own")) {
    std::ofstream(path_) << "mesh { pp = 4; }\nschedule gpipe;\n";
    options_.compile.overrides = {{"microbatches", "8"}};
  }
  ~CompareTest() override { std::remove(path_.c_str()); }

  // Tests of this file may run at once.
  static std::string Path(const std::string& name) {
    return testing::TempDir() + "compare_" + std::to_string(::getpid()) + "_" + name + ".sched";
  }

  std::string path_;
  CompareOptions options_;
};

TEST_F(CompareTest, BestFirstAndChunksAtTheirShare) {
  options_.schedules = "gpipe,interleaved_one_f_one_b(chunks = 2),zero_bubble_h1,zero_bubble_v";
  const std::string table = ToText(CompareSchedules({path_}, options_));
  // Ideal is 8 * 3 = 24; V runs at 25.5, H1 at 27, interleaved at 28.5, GPipe at 33.
  const size_t v = table.find("zero_bubble_v"), h1 = table.find("zero_bubble_h1"),
               interleaved = table.find("interleaved_one_f_one_b(chunks = 2)"),
               gpipe = table.find("\ngpipe");
  EXPECT_TRUE(v < h1 && h1 < interleaved && interleaved < gpipe) << table;
  for (const char* makespan : {" 25.5 ", " 27 ", " 28.5 ", " 33 "}) {
    EXPECT_NE(table.find(makespan), std::string::npos) << makespan << "\n" << table;
  }
  EXPECT_NE(table.find("best: zero_bubble_v"), std::string::npos) << table;
}

TEST_F(CompareTest, IsJson) {
  options_.schedules = "gpipe,zero_bubble_h1,forward_only,dualpipe_v";
  const ScheduleComparison comparison = CompareSchedules({path_}, options_);
  const JsonValue document = ParseJson(ToJson(comparison));
  EXPECT_EQ(document.Find("purpose")->string, "study");
  EXPECT_EQ(document.Find("unit")->string, "table");
  const std::vector<JsonValue>& rows = document.Find("schedules")->items;
  ASSERT_EQ(rows.size(), 3u);
  for (size_t i = 0; i < rows.size(); ++i) {
    const ComparedSchedule& row = comparison.schedules[i];
    EXPECT_EQ(rows[i].Find("name")->string, row.name);
    EXPECT_EQ(rows[i].Find("step")->number, row.step);
    EXPECT_EQ(rows[i].Find("makespan")->number, row.makespan);
    EXPECT_NEAR(rows[i].Find("bubble")->number, row.bubble, 1e-12);
    EXPECT_EQ(rows[i].Find("work_of")->string,
              row.name == "dualpipe_v" ? "least_busy_rank" : "mean");
    EXPECT_EQ(rows[i].Find("activations")->number, row.activations);
    EXPECT_EQ(rows[i].Find("messages")->Integer(), row.messages);
    EXPECT_EQ(rows[i].Find("memory"), nullptr) << "bytes of a study mean nothing";
  }
  EXPECT_EQ(document.Find("best")->Find("name")->string, comparison.schedules.front().name);
  EXPECT_EQ(document.Find("best")->Find("why")->string, WhyBest(comparison));
  ASSERT_EQ(document.Find("refused")->items.size(), 1u);
  EXPECT_EQ(document.Find("refused")->items[0].Find("name")->string, "forward_only");
  EXPECT_EQ(document.Find("refused")->items[0].Find("reason")->string, "it has no backward");
  EXPECT_TRUE(document.Find("notes")->items.empty());
}

TEST_F(CompareTest, WhatCannotBeIsSaidWithItsReason) {
  options_.schedules = "gpipe,forward_only,v_half(3)";
  const std::string table = ToText(CompareSchedules({path_}, options_));
  EXPECT_NE(table.find("forward_only: "), std::string::npos) << table;
  EXPECT_NE(table.find("v_half(3): "), std::string::npos) << table;
  options_.memory_limit = 1;
  EXPECT_THROW(CompareSchedules({path_}, options_), std::runtime_error);
}

TEST_F(CompareTest, OneThatIsNotThereIsRefusedAndOneListedTwiceComparedOnce) {
  options_.schedules = "gpipe, gpipe";
  EXPECT_EQ(CompareSchedules({path_}, options_).schedules.size(), 1u);
  options_.schedules = "gpipe,gpip";
  EXPECT_THROW(CompareSchedules({path_}, options_), std::invalid_argument);
}

int Count(const ScheduleComparison& comparison, const std::string& name) {
  return static_cast<int>(std::ranges::count(comparison.schedules, name, &ComparedSchedule::name));
}

TEST_F(CompareTest, TheFilesOwnScheduleStandsAmongTheBuiltInOnesOnce) {
  const ScheduleComparison built_in = CompareSchedules({path_}, options_);
  EXPECT_EQ(Count(built_in, "gpipe"), 1);
  EXPECT_EQ(Count(built_in, "one_f_one_b"), 1);
  EXPECT_EQ(built_in.purpose, ScheduleComparison::Purpose::kStudy);
  EXPECT_EQ(ToText(built_in).find("memory"), std::string::npos) << "bytes of a study mean nothing";

  std::ofstream(path_) << "mesh { pp = 4; }\nschedule mine { order on rank r { for i in 0 .. "
                          "microbatches { forward(i); } for i in 0 .. microbatches { "
                          "backward(i); } } }\n";
  const ScheduleComparison own = CompareSchedules({path_}, options_);
  EXPECT_EQ(Count(own, "mine"), 1);
  EXPECT_EQ(Count(own, "gpipe"), 1);

  std::ofstream(path_) << "mesh { pp = 4; }\nschedule interleaved_one_f_one_b(chunks = 4);\n";
  const ScheduleComparison chosen = CompareSchedules({path_}, options_);
  EXPECT_EQ(Count(chosen, "interleaved_one_f_one_b"), 1);
  EXPECT_EQ(Count(chosen, "interleaved_one_f_one_b(chunks = 4, group = 4)"), 1);
}

TEST_F(CompareTest, SeveralFilesEachAsItIs) {
  const std::string other = Path("other");
  std::ofstream(other) << "mesh { pp = 2; }\nschedule one_f_one_b;\n";
  const ScheduleComparison both = CompareSchedules({path_, other}, options_);
  ASSERT_EQ(both.schedules.size(), 2u);
  // A rank of two does no more than a rank of four: the costs are of its share.
  const auto file = [](const std::string& path) {
    return " (" + std::filesystem::path(path).filename().string() + ")";
  };
  EXPECT_EQ(both.schedules[0].name, "one_f_one_b" + file(other));
  EXPECT_EQ(both.schedules[0].makespan, 27);
  EXPECT_EQ(both.schedules[1].name, "gpipe" + file(path_));
  EXPECT_EQ(both.schedules[1].makespan, 33);
  EXPECT_FALSE(both.schedules[0].plan.has_value());
  std::remove(other.c_str());
}

TEST_F(CompareTest, KeepsWhatPicturesNeed) {
  options_.schedules = "zero_bubble_v";
  options_.keep = CompareOptions::Keep::kTraces;
  const ScheduleComparison comparison = CompareSchedules({path_}, options_);
  ASSERT_EQ(comparison.schedules.size(), 1u);
  const ComparedSchedule& row = comparison.schedules.front();
  ASSERT_TRUE(row.plan && row.trace);
  EXPECT_EQ(row.plan->stages, 8);
  EXPECT_NEAR(Summarise(*row.plan, *row.trace).makespan, row.makespan, 1e-9);
  EXPECT_EQ(row.activations, 4) << "eight chunks of half a share";
}

// Chunks share a rank's costs, and a transfer is what it is: orders are searched by that.
TEST_F(CompareTest, SearchesByTheCostsThatItJudgesBy) {
  options_.schedules = "automatic(chunks = 4)";
  options_.predict.costs = "F=1.3,I=0.7,W=0.9,C=0.3";
  options_.compile.costs = TaskCostsOf(ModelOf(options_.predict));
  const ScheduleComparison compared = CompareSchedules({path_}, options_);

  // The same as a study of its own, whose costs are a stage's.
  PredictOptions stage{.costs = "F=0.325,I=0.175,W=0.225,C=0.3"};
  const auto alone = [&](const TaskCosts& costs) {
    CompileOptions compile = options_.compile;
    compile.schedule = *options_.schedules;
    compile.costs = costs;
    const Compilation compiled = Compile(path_, compile);
    return Summarise(*compiled.plan, Predict(*compiled.plan, stage)).makespan;
  };
  const double right = alone(TaskCostsOf(ModelOf(stage)));
  const double wrong = alone(options_.compile.costs);
  ASSERT_GT(wrong, 1.05 * right);
  EXPECT_LE(compared.schedules.at(0).makespan, 1.01 * right);
}

// Rank r holds stages r and 7 - r of a V, r and 4 + r of a loop, whose order is searched by the
// same costs.
TEST_F(CompareTest, AListWithAnEntryARankIsSharedByItsChunks) {
  std::ofstream(path_) << R"(
mesh { pp = 4; }
schedule loop(chunks = 2) {
  place chunk c on rank r as stage c * pp + r;
  greedy on rank r {
    limit in_flight <= 6;
    prefer input_grad, forward, weight_grad;
    search nodes <= 100;
  }
}
)";
  const auto compared = [&](const std::string& schedule, const std::string& costs) {
    options_.schedules = schedule;
    options_.predict.costs = costs;
    options_.compile.costs = TaskCostsOf(ModelOf(options_.predict));
    return ToText(CompareSchedules({path_}, options_));
  };
  const std::string by_rank = "F=1:1:1.5:1,I=1,W=0.5:1:1:1,C=0.1";
  const std::string vee = "F=1:1:1.5:1:1:1.5:1:1,I=1,W=0.5:1:1:1:1:1:1:0.5,C=0.1";
  const std::string loop = "F=1:1:1.5:1:1:1:1.5:1,I=1,W=0.5:1:1:1:0.5:1:1:1,C=0.1";
  EXPECT_EQ(compared("zero_bubble_v", by_rank), compared("zero_bubble_v", vee));
  EXPECT_NE(compared("zero_bubble_v", by_rank), compared("zero_bubble_v", loop));
  EXPECT_EQ(compared("loop", by_rank), compared("loop", loop));
  EXPECT_NE(compared("loop", by_rank), compared("loop", vee));
  EXPECT_THROW(compared("loop", "F=1:1:1.5"), std::runtime_error);

  const auto searched = [&](const std::string& costs) {
    CompileOptions compile = options_.compile;
    compile.schedule = "loop";
    compile.costs = TaskCostsOf(ModelOf({.costs = costs}));
    compile.costs.whose = TaskCosts::Whose::kRank;
    return ToText(*Compile(path_, compile).order);
  };
  EXPECT_EQ(searched(by_rank), searched(loop));
  EXPECT_NE(searched(by_rank), searched(vee));
}

TEST_F(CompareTest, SaysWhoIsAsFastWithAsMuch) {
  const auto row = [](const std::string& name, double step, double activations, int64_t memory) {
    ComparedSchedule schedule;
    schedule.name = name;
    schedule.step = step;
    schedule.activations = activations;
    schedule.memory = memory;
    return schedule;
  };
  ScheduleComparison comparison;
  comparison.purpose = ScheduleComparison::Purpose::kStudy;
  comparison.schedules.push_back(row("a", 5, 2, 7));
  EXPECT_EQ(WhyBest(comparison), "the shortest predicted step");
  comparison.schedules.push_back(row("b", 5, 3, 7));
  EXPECT_EQ(WhyBest(comparison), "the fewest activations of those as fast");
  comparison.purpose = ScheduleComparison::Purpose::kTraining;
  EXPECT_EQ(WhyBest(comparison), "as fast as b, with as little memory");
  comparison.purpose = ScheduleComparison::Purpose::kStudy;
  comparison.schedules.insert(comparison.schedules.begin() + 1, row("c", 5, 2, 7));
  comparison.schedules.insert(comparison.schedules.begin() + 2, row("d", 5, 2, 7));
  EXPECT_EQ(WhyBest(comparison), "as fast as c and d, with as few activations");
  comparison.schedules.insert(comparison.schedules.begin() + 3, 2, row("e", 5, 2, 7));
  EXPECT_EQ(WhyBest(comparison), "as fast as 4 others, with as few activations");
  comparison.schedules.front().step = 4;
  EXPECT_EQ(WhyBest(comparison), "the shortest predicted step");
}

// Of functions that only one kind of run has; also for a schedule that is searched by its costs.
TEST_F(CompareTest, WhatAProfileLacksIsARefusedRow) {
  std::ofstream(path_) << ToSource({.depth = 6});
  options_.compile.overrides.clear();
  const std::string profile = path_ + ".profile";
  const auto refused = [&](const std::string& measured, const std::string& schedules) {
    CompileOptions compile;
    compile.schedule = measured;
    const Compilation compiled = Compile(path_, compile);
    Trace trace = Simulate(*compiled.plan, ProgramKind::kStep, MachineNamed("h100"));
    std::ofstream(profile) << ToJson(ProfileOf(*compiled.plan, trace));
    options_.predict.profile = profile;
    const CostModel model = ModelOf(options_.predict);
    options_.compile.costs_of_plan = [model](const Plan& plan) { return TaskCostsOf(plan, model); };
    options_.schedules = schedules;
    const ScheduleComparison comparison = CompareSchedules({path_}, options_);
    EXPECT_EQ(comparison.schedules.size(), 1u);
    EXPECT_EQ(comparison.refused.size(), 1u);
    return comparison.refused.at(0).name + ": " + comparison.refused.at(0).reason;
  };
  const std::string automatic = refused("one_f_one_b", "gpipe,automatic");
  EXPECT_TRUE(automatic.starts_with("automatic: the profile does not say what `")) << automatic;
  EXPECT_TRUE(automatic.ends_with(
      ": a profile of a run with split backwards (`input_grad`, `weight_grad`) is needed"))
      << automatic;
  const std::string gpipe = refused("zero_bubble_h1", "automatic,gpipe");
  EXPECT_TRUE(gpipe.starts_with("gpipe: the profile does not say what `")) << gpipe;
  EXPECT_TRUE(gpipe.ends_with(": a profile of a run with whole backwards (`backward`) is needed"))
      << gpipe;
  // With a limit in bytes no memory is tried.
  options_.memory_limit = int64_t{1} << 40;
  EXPECT_EQ(refused("one_f_one_b", "gpipe,automatic"), automatic);
  std::remove(profile.c_str());
}

TEST(PredictTest, OneModelAtATime) {
  EXPECT_TRUE(std::holds_alternative<CostTable>(ModelOf({})));
  EXPECT_TRUE(std::holds_alternative<Machine>(ModelOf({.machine = "h100"})));
  EXPECT_THROW(ModelOf({.costs = "F=1", .machine = "h100"}), std::invalid_argument);
}

TEST(PredictTest, CostsAreScaledToIntegersOfOneAtLeast) {
  const TaskCosts costs = TaskCostsOf(ParseCosts("F=18.5,I=18.1,W=0,C=0.6"));
  EXPECT_EQ(costs.forward, (std::vector<int64_t>{1110}));
  EXPECT_EQ(costs.input_grad, (std::vector<int64_t>{1086}));
  EXPECT_EQ(costs.weight_grad, (std::vector<int64_t>{1}));
  EXPECT_EQ(costs.transfer, 36);
}

TEST(PredictTest, DecimalsStayExactAndOtherCostsNearlySo) {
  for (const std::string text : {"F=1.89,I=0.75,W=0.86,C=0.5", "F=0.001,I=0.0007,W=0.0011",
                                 "F=12345,I=11111,W=1", "F=1,B=2.5,C=0.01", "F=0.7:0.1:0.3"}) {
    const CostTable table = ParseCosts(text);
    const TaskCosts costs = TaskCostsOf(table);
    const double scale = static_cast<double>(costs.forward[0]) / table.forward[0];
    for (size_t i = 0; i < table.forward.size(); ++i) {
      EXPECT_DOUBLE_EQ(static_cast<double>(costs.forward[i]), scale * table.forward[i]) << text;
    }
    EXPECT_DOUBLE_EQ(static_cast<double>(costs.input_grad[0]), scale * table.input_grad[0]) << text;
    EXPECT_DOUBLE_EQ(static_cast<double>(costs.weight_grad[0]), scale * table.weight_grad[0])
        << text;
    EXPECT_DOUBLE_EQ(static_cast<double>(costs.transfer), scale * table.transfer) << text;
  }
  const TaskCosts thirds = TaskCostsOf(CostTable{.forward = {3}, .input_grad = {1.0 / 3}});
  EXPECT_EQ(thirds.forward[0], 1000000);
  EXPECT_EQ(thirds.input_grad[0], 111111);
}

}  // namespace
}  // namespace pprun
