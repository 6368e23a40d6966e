// A whole run on a hand-built plan: reports, files, NaN, interrupts.
#include "runtime/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/plan/base/json.h"
#include "compiler/report/read_trace.h"
#include "compiler/report/rows.h"
#include "compiler/simulate/simulate.h"
#include "runtime/run_figures.h"
#include "runtime/train_rank.h"
#include "tests/runtime/fake_cuda.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

// A small plan with data that OpenData makes.
Plan Trainable(SmallPlan small) {
  Plan plan = Build(small);
  plan.train.data.kind = DataSpec::Kind::kSynthetic;
  plan.train.data.seed = 1;
  plan.train.validation = plan.train.data;
  plan.train.validation.seed = 2;
  return plan;
}

class RunPlanTest : public testing::Test {
 protected:
  RunPlanTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("run_test_" + std::to_string(getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  ~RunPlanTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string Text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<JsonValue> Metrics(const std::string& path) const {
    std::vector<JsonValue> lines;
    std::istringstream text(Text(path));
    for (std::string line; std::getline(text, line);) lines.push_back(ParseJson(line));
    return lines;
  }

  std::filesystem::path folder_;
  std::ostringstream out_, err_;
};

TEST_F(RunPlanTest, DataThatCannotBeReadIsAnErrorWhereItIsNamed) {
  Plan plan = Trainable({});
  plan.train.data = {.kind = DataSpec::Kind::kBytes, .path = Path("absent.txt")};
  const std::string why = "cannot open `" + Path("absent.txt") + "`: no such file or directory";
  const auto error = [&]() -> std::string {
    try {
      RunPlan(plan, {}, out_, err_);
    } catch (const std::runtime_error& caught) {
      return caught.what();
    }
    return "";
  };
  EXPECT_EQ(error(), why) << "the command line is no place";
  plan.files = {{.path = "own.sched", .text = "train {\n  data = bytes(\"absent.txt\");\n}\n"}};
  plan.sources.push_back({.file = 0, .line = 2, .column = 10, .reason = "data"});
  plan.train.data.source = SourceId(static_cast<int64_t>(plan.sources.size()) - 1);
  EXPECT_EQ(error(), "own.sched:2:10: error: " + why +
                         "\n    2 |   data = bytes(\"absent.txt\");\n      |          ^\n");
  // A damaged plan may name any source.
  plan.train.data.source = SourceId(1 << 20);
  EXPECT_NE(error().find("error: " + why), std::string::npos);
}

TEST_F(RunPlanTest, TrainsAndWritesEverything) {
  Plan plan = Trainable({.positions = 2, .replicas = 2, .clip = 1, .steps = 12});
  plan.train.validate_every = 5;
  const RunEnd end = RunPlan(
      plan, {.save = Path("w.safetensors"), .metrics = Path("m.jsonl"), .trace = Path("t.json")},
      out_, err_);
  EXPECT_EQ(end, RunEnd::kFinished);
  EXPECT_TRUE(std::filesystem::exists(Path("w.safetensors")));
  const std::vector<JsonValue> metrics = Metrics(Path("m.jsonl"));
  ASSERT_EQ(metrics.size(), 12U);
  for (size_t i = 0; i < metrics.size(); ++i) {
    EXPECT_EQ(metrics[i].Find("step")->Integer(), static_cast<int64_t>(i + 1));
    EXPECT_NE(metrics[i].Find("gradient_norm"), nullptr);
    // After every fifth step and after the last.
    const bool validates = i + 1 == 5 || i + 1 == 10 || i + 1 == 12;
    EXPECT_EQ(metrics[i].Find("validation_loss") != nullptr, validates) << i;
  }
  const JsonValue trace = ParseJson(Text(Path("t.json")));
  const JsonValue* const events =
      trace.kind == JsonValue::Kind::kArray ? &trace : trace.Find("traceEvents");
  ASSERT_NE(events, nullptr);
  EXPECT_GT(events->items.size(), 3 * 4 * 10U);
  const std::string text = out_.str();
  EXPECT_NE(text.find("12 steps in"), std::string::npos) << text;
  EXPECT_NE(text.find("bubble: predicted"), std::string::npos) << text;
  EXPECT_NE(text.find("activations at once: predicted 2, measured 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("memory: arenas"), std::string::npos) << text;
  EXPECT_EQ(text.find("measured not"), std::string::npos) << text;
}

// What a run took is a cost model: every instruction of the step has its measured cost, and the
// prediction is of them alone.
TEST_F(RunPlanTest, WritesAProfileThatPredictsTheStep) {
  const Plan plan = Trainable({.positions = 2, .replicas = 2, .clip = 1, .steps = 20});
  RunPlan(plan, {.trace = Path("t.json"), .profile = Path("p.json")}, out_, err_);
  EXPECT_NE(out_.str().find("profile written to " + Path("p.json") + "\n"), std::string::npos);
  const Profile profile = ReadProfile(Path("p.json"));
  EXPECT_EQ(ToJson(profile), Text(Path("p.json")));
  // Eight steps are traced, the first of them is left out.
  int64_t runs = 0;
  for (const Position& position : plan.positions) {
    for (const Instruction& instruction : position.programs[1].instructions) {
      runs += std::holds_alternative<pprun::Run>(instruction.operands) ? 1 : 0;
    }
  }
  int64_t counted = 0;
  for (const auto& [key, entry] : profile.entries) {
    EXPECT_TRUE(std::isfinite(entry.seconds));
    if (key.kind == "run") counted += entry.count;
  }
  EXPECT_EQ(counted, 7 * 2 * runs);
  const Trace predicted = Simulate(plan, ProgramKind::kStep, profile);
  EXPECT_EQ(predicted.unit, Trace::Unit::kSecond);
  double busy = 0;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const std::vector<Instruction>& step = plan.positions[p].programs[1].instructions;
    for (const TraceEvent& event : predicted.events) {
      if (CoordinatesOf(plan, event.rank).position.index() != p) continue;
      const Instruction& instruction = step[static_cast<size_t>(event.instruction)];
      if (!std::holds_alternative<pprun::Run>(instruction.operands)) continue;
      const ProfileKey key = ProfileKeyOf(plan, plan.positions[p], instruction);
      const auto entry = profile.entries.find(key);
      ASSERT_NE(entry, profile.entries.end()) << key.name;
      EXPECT_NEAR(event.end - event.begin, entry->second.seconds, 1e-12);
      busy += entry->second.seconds;
    }
  }
  const double makespan = Summarise(plan, predicted).makespan;
  EXPECT_TRUE(std::isfinite(makespan));
  EXPECT_GE(makespan, busy / 2) << "two positions";
  // The trace keeps the last three.
  EXPECT_EQ(RepeatsOf(ReadChromeTrace(Text(Path("t.json")), plan)),
            (std::vector<int64_t>{8, 9, 10}));
}

TEST_F(RunPlanTest, SaysThatARunWasTooShortForAProfile) {
  const Plan plan = Trainable({.steps = 20});
  const std::atomic<int> interrupts = 1;
  RunPlan(plan, {.profile = Path("p.json"), .interrupts = &interrupts}, out_, err_);
  EXPECT_NE(err_.str().find("no step was traced, so `" + Path("p.json") + "` is not written"),
            std::string::npos)
      << err_.str();
  EXPECT_FALSE(std::filesystem::exists(Path("p.json")));
}

// The same run on a fake GPU, which computes as the CPU does.
TEST_F(RunPlanTest, WritesTheSameOnAGpu) {
  Plan plan = Trainable({.positions = 2, .replicas = 2, .clip = 1, .steps = 12});
  plan.train.validate_every = 5;
  RunPlan(
      plan,
      {.save = Path("cpu.safetensors"), .metrics = Path("cpu.jsonl"), .profile = Path("cpu.json")},
      out_, err_);
  const std::vector<JsonValue> expected = Metrics(Path("cpu.jsonl"));
  const Profile costs = ReadProfile(Path("cpu.json"));
  for (const Graphs graphs : {Graphs::kOn, Graphs::kOff}) {
    FakeCuda cuda;
    out_.str("");
    EXPECT_EQ(RunPlan(plan,
                      {.on = RunOptions::On::kCuda,
                       .graphs = graphs,
                       .cuda = &cuda,
                       .save = Path("gpu.safetensors"),
                       .metrics = Path("gpu.jsonl"),
                       .trace = Path("t.json"),
                       .profile = Path("gpu.json")},
                      out_, err_),
              RunEnd::kFinished);
    EXPECT_EQ(Text(Path("gpu.safetensors")), Text(Path("cpu.safetensors")));
    const std::vector<JsonValue> metrics = Metrics(Path("gpu.jsonl"));
    ASSERT_EQ(metrics.size(), expected.size());
    for (size_t i = 0; i < metrics.size(); ++i) {
      EXPECT_EQ(metrics[i].Find("loss")->number, expected[i].Find("loss")->number);
    }
    const JsonValue trace = ParseJson(Text(Path("t.json")));
    EXPECT_GT(trace.Find("traceEvents")->items.size(), 3 * 4 * 10U);
    // Costs of the same instructions as on the CPU, of as many runs of each.
    const Profile profile = ReadProfile(Path("gpu.json"));
    ASSERT_EQ(profile.entries.size(), costs.entries.size());
    for (const auto& [key, entry] : costs.entries) {
      ASSERT_TRUE(profile.entries.contains(key)) << key.kind << " " << key.name;
      EXPECT_EQ(profile.entries.at(key).count, entry.count) << key.kind << " " << key.name;
    }
    EXPECT_EQ(Simulate(plan, ProgramKind::kStep, profile).unit, Trace::Unit::kSecond);
    EXPECT_NE(out_.str().find("bubble: predicted"), std::string::npos) << out_.str();
    EXPECT_EQ(out_.str().find("measured not"), std::string::npos) << out_.str();
    EXPECT_EQ(cuda.violations(), std::vector<std::string>{});
    EXPECT_EQ(cuda.alive(), std::vector<std::string>{});
  }
}

TEST_F(RunPlanTest, SaysThatThereIsNoGpu) {
  FakeCuda cuda({.devices = 0, .device_count_status = CudaStatus::kNoDevice});
  try {
    RunPlan(Trainable({}), {.on = RunOptions::On::kCuda, .cuda = &cuda}, out_, err_);
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no GPU is visible on this machine");
  }
  EXPECT_EQ(out_.str(), "");
}

TEST_F(RunPlanTest, StartsFromSavedWeightsOnAnotherMesh) {
  const Plan first = Trainable({.positions = 2, .replicas = 2, .steps = 6});
  RunPlan(first, {.save = Path("w.safetensors")}, out_, err_);
  // One rank without learning: its first loss is that of the saved weights.
  Plan one = Trainable({.positions = 1, .steps = 1});
  one.train.optimizer.learning_rate = 0;
  RunPlan(one, {.init = Path("w.safetensors"), .save = Path("same.safetensors")}, out_, err_);
  EXPECT_EQ(Text(Path("w.safetensors")), Text(Path("same.safetensors")));
  // And the plan's own start is another.
  RunPlan(one, {.save = Path("fresh.safetensors")}, out_, err_);
  EXPECT_NE(Text(Path("w.safetensors")), Text(Path("fresh.safetensors")));
}

TEST_F(RunPlanTest, QuietPrintsNothing) {
  RunPlan(Trainable({.positions = 1, .steps = 2}), {.voice = RunOptions::Voice::kQuiet}, out_,
          err_);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(RunPlanTest, ALossThatIsNotFiniteEndsTheRunAndNamesStepAndRank) {
  Plan plan = Trainable({.positions = 2, .replicas = 1, .steps = 50});
  plan.train.optimizer.learning_rate = 1e30;
  try {
    RunPlan(plan, {.save = Path("w.safetensors")}, out_, err_);
    FAIL() << "the loss stayed finite";
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("loss is nan in step ") ||
                message.starts_with("loss is inf in step "))
        << message;
    EXPECT_TRUE(message.ends_with(" on rank 1")) << message;
  }
  EXPECT_FALSE(std::filesystem::exists(Path("w.safetensors")));
}

TEST_F(RunPlanTest, AnInterruptStopsAfterAStepOfAllAndSaves) {
  const Plan plan = Trainable({.positions = 2, .replicas = 2, .steps = 1'000'000'000});
  std::atomic<int> interrupts{0};
  std::thread user([&] {
    while (Text(Path("m.jsonl")).size() < 2000) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    interrupts = 1;
  });
  const RunEnd end = RunPlan(
      plan, {.save = Path("w.safetensors"), .metrics = Path("m.jsonl"), .interrupts = &interrupts},
      out_, err_);
  user.join();
  EXPECT_EQ(end, RunEnd::kInterrupted);
  // What was saved is what that many steps give.
  Plan again = plan;
  again.train.steps = static_cast<int64_t>(Metrics(Path("m.jsonl")).size());
  RunPlan(again, {.save = Path("again.safetensors")}, out_, err_);
  EXPECT_EQ(Text(Path("w.safetensors")), Text(Path("again.safetensors")));
}

TEST_F(RunPlanTest, AnInterruptBreaksAValidationOff) {
  Plan plan = Trainable({.positions = 2, .replicas = 2, .steps = 1'000'000'000});
  plan.train.validate_every = 2;
  plan.train.validate_batches = 1'000'000'000;
  std::atomic<int> interrupts{0};
  std::thread user([&] {
    // The second step is told when its validation is broken off.
    while (Text(Path("m.jsonl")).empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    interrupts = 1;
  });
  const RunEnd end = RunPlan(
      plan, {.save = Path("w.safetensors"), .metrics = Path("m.jsonl"), .interrupts = &interrupts},
      out_, err_);
  user.join();
  EXPECT_EQ(end, RunEnd::kInterrupted);
  EXPECT_TRUE(std::filesystem::exists(Path("w.safetensors")));
  const std::vector<JsonValue> metrics = Metrics(Path("m.jsonl"));
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[1].Find("validation_loss"), nullptr);
}

TEST_F(RunPlanTest, AnInterruptBeforeATracedStepLeavesNoTrace) {
  const Plan plan = Trainable({.positions = 2, .steps = 100});
  const std::atomic<int> interrupts{1};
  RunPlan(plan, {.trace = Path("t.json"), .interrupts = &interrupts}, out_, err_);
  EXPECT_NE(err_.str().find("ended before a step was traced"), std::string::npos);
  EXPECT_EQ(out_.str().find("nothing to draw"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(Path("t.json")));
}

TEST_F(RunPlanTest, MetricsThatCannotBeWrittenEndTheRunAndItsWeightsAreSaved) {
  const Plan plan = Trainable({.positions = 2, .replicas = 2, .steps = 1'000'000'000});
  try {
    RunPlan(plan, {.save = Path("w.safetensors"), .metrics = "/dev/full"}, out_, err_);
    FAIL() << "nothing can be written there";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "cannot write `/dev/full`: no space left on device");
  }
  EXPECT_TRUE(std::filesystem::exists(Path("w.safetensors")));
}

TEST_F(RunPlanTest, WhatCannotBeWrittenIsSaidBeforeTheFirstStep) {
  const Plan plan = Trainable({.positions = 1, .steps = 1'000'000'000});
  EXPECT_THROW(RunPlan(plan, {.save = Path("no/such/folder/w")}, out_, err_), std::runtime_error);
  EXPECT_THROW(RunPlan(plan, {.trace = Path("no/such/folder/t")}, out_, err_), std::runtime_error);
  EXPECT_THROW(RunPlan(plan, {.metrics = Path("no/such/folder/m")}, out_, err_),
               std::runtime_error);
  EXPECT_THROW(RunPlan(plan, {.init = Path("missing")}, out_, err_), std::runtime_error);
}

TEST(StepsToTrace, StaysWithinTheRun) {
  EXPECT_EQ(StepsToTrace(100, 3).first, 3);
  EXPECT_EQ(StepsToTrace(100, 3).end(), 6);
  EXPECT_EQ(StepsToTrace(4, 3).first, 1);
  EXPECT_EQ(StepsToTrace(2, 3).first, 0);
  EXPECT_EQ(StepsToTrace(2, 3).end(), 2);
}

TEST(RunFigures, CountsTheProductsOfAllRanks) {
  const SmallPlan small = {.positions = 2, .replicas = 2};
  // Logits, their input's gradient and the weight's: 2 * tokens * width * vocabulary each.
  const double products = 3;
  EXPECT_EQ(StepFlops(Build(small)), products * 2 * 8 * 4 * 6 * 11);
}

TEST(RunFigures, SaysWhatARunCameTo) {
  const RunFigures figures = {.steps = 500,
                              .tokens = 500 * 4096,
                              .flops = 2e12,
                              .seconds = 100,
                              .loss = 1.23456,
                              .validation_loss = 2.5,
                              .predicted_bubble = 0.2,
                              .measured_bubble = 0.25,
                              .predicted_activations = 4,
                              .measured_activations = 3,
                              .arena_bytes = 3 << 20,
                              .touched_bytes = 2 << 20,
                              .resident_bytes = 40 << 20};
  EXPECT_EQ(ToText(figures),
            "500 steps in 1 min 40 s: 20.5k tokens/s, 20.00 GFLOP/s\n"
            "loss 1.2346, held-out loss 2.5000\n"
            "bubble: predicted 20.0 %, measured 25.0 %\n"
            "activations at once: predicted 4, measured 3\n"
            "memory: arenas 3.0 MiB predicted, 2.0 MiB touched; resident 40.0 MiB at most\n");
  EXPECT_TRUE(ToText(RunFigures{.steps = 1, .seconds = 0.0301}).starts_with("1 step in 30 ms: "));
  EXPECT_TRUE(ToText(RunFigures{.steps = 20, .seconds = 2.34}).starts_with("20 steps in 2.3 s: "));
}

}  // namespace
}  // namespace pprun
