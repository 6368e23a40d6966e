// Compile: from a file to a proven plan, what stops it on the way, and what the plan holds.
#include "compiler/compile.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "compiler/make_draft.h"
#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "tests/compile/compile_source.h"

namespace pprun {
namespace {

std::vector<size_t> InstructionCounts(const Plan& plan) {
  std::vector<size_t> counts;
  for (const Position& position : plan.positions) {
    for (const Program& program : position.programs) counts.push_back(program.instructions.size());
  }
  return counts;
}

TEST(CompileTest, AWholeFileIsProven) {
  const Compilation result = CompileSource(ToSource(SmallGpt{}));
  EXPECT_TRUE(result.Ok()) << result.Messages();
  EXPECT_EQ(result.Messages(), "");
  ASSERT_TRUE(result.program && result.checked && result.order && result.model && result.plan);
  EXPECT_TRUE(Verify(*result.plan).empty());
}

TEST(CompileTest, AnUnreadableFileThrows) {
  try {
    Compile("no/such/plan.sched", {});
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "cannot read `no/such/plan.sched`: no such file or directory");
  }
  EXPECT_THROW(Compile("/", {}), std::runtime_error);
}

TEST(CompileTest, WithoutTrainItIsAStudy) {
  const std::string text = "mesh { pp = 2; }\nschedule gpipe;\n";
  const Compilation result = CompileSource(text, {{"microbatches", "3"}});
  EXPECT_EQ(result.Messages(), "");
  ASSERT_TRUE(result.order.has_value());
  EXPECT_EQ(result.order->positions.size(), 2u);
  EXPECT_EQ(result.order->positions[0].size(), 6u);
  EXPECT_EQ(result.purpose, Compilation::Purpose::kStudy);
  EXPECT_TRUE(result.Ok()) << "a schedule may be studied without a model";

  const Compilation how_many = CompileSource(text);
  EXPECT_FALSE(how_many.order.has_value());
  EXPECT_NE(how_many.Messages().find("say how many"), std::string::npos) << how_many.Messages();
}

TEST(CompileTest, WithoutAModelTheErrorStandsAtTrain) {
  const std::string text = ToSource(SmallGpt{});
  const size_t begin = text.find("model gpt"), end = text.find("train {");
  const Compilation result = CompileSource(text.substr(0, begin) + text.substr(end));
  EXPECT_FALSE(result.plan.has_value());
  ASSERT_EQ(result.diagnostics.errors(), 1) << result.Messages();
  EXPECT_NE(result.Messages().find("`train` needs a `model`, and there is none"),
            std::string::npos);
}

TEST(CompileTest, EveryStageStopsAtItsMistake) {
  const Compilation syntax = CompileSource("mesh { pp = ; }\n");
  EXPECT_FALSE(syntax.Ok());
  EXPECT_FALSE(syntax.checked.has_value());
  EXPECT_GE(syntax.diagnostics.errors(), 1);

  const Compilation forgotten = CompileSource(ToSource(SmallGpt{
      .rest = "schedule s { order on rank r { for i in 0 .. microbatches { forward(i); } } }\n"
              "schedule s;\n"}));
  EXPECT_TRUE(forgotten.checked.has_value());
  EXPECT_FALSE(forgotten.order.has_value());
  EXPECT_EQ(forgotten.diagnostics.errors(), 1) << forgotten.Messages();

  const Compilation too_deep = CompileSource(ToSource(SmallGpt{.pp = 6}));
  EXPECT_FALSE(too_deep.plan.has_value());
  EXPECT_EQ(too_deep.diagnostics.errors(), 1) << too_deep.Messages();
}

constexpr const char* kTiedHead =
    "layer_norm; linear(vocab, bias = false, tied = embed); cross_entropy;";

TEST(CompileTest, WeightsTiedWithinAStageAreProven) {
  for (const char* gradients :
       {"naive", "flat", "ddp(bucket = 1 KiB, overlap = true)", "ddp(bucket = 1 MiB)"}) {
    for (int dp : {1, 2}) {
      const Compilation result =
          CompileSource(ToSource(SmallGpt{.pp = 1,
                                          .dp = dp,
                                          .head = kTiedHead,
                                          .rest = std::string("gradients ") + gradients + ";\n"}));
      ASSERT_TRUE(result.Ok()) << result.Messages();
      int tables = 0;
      for (const Parameter& parameter : result.plan->parameters) {
        tables += parameter.type.shape == Shape{32, 16} ? 1 : 0;
      }
      EXPECT_EQ(tables, 1) << "one table, used twice";
    }
  }
}

TEST(CompileTest, WeightsTiedAcrossStagesAreAnErrorThatNamesBoth) {
  const Compilation result = CompileSource(ToSource(SmallGpt{.pp = 2, .head = kTiedHead}));
  EXPECT_FALSE(result.plan.has_value());
  ASSERT_EQ(result.diagnostics.errors(), 1) << result.Messages();
  const std::string messages = result.Messages();
  EXPECT_NE(messages.find("plan.sched:9:3: error"), std::string::npos) << messages;
  EXPECT_NE(messages.find("is tied across stages, which is not supported: it is used in stage 0 "
                          "and in stage 1"),
            std::string::npos)
      << messages;
  EXPECT_NE(messages.find("note: keep both layers in one stage"), std::string::npos) << messages;
}

// Clipping once scaled the gradients of a position that has none.
TEST(CompileTest, AStageWithoutParametersIsProven) {
  const std::string text =
      "mesh { pp = 3; dp = 2; }\n"
      "model m {\n"
      "  layer embed { embedding(32, 16); }\n"
      "  layer act { relu; dropout(0.1); }\n"
      "  layer head { linear(32); cross_entropy; }\n"
      "}\n"
      "train { data = synthetic(seed = 1); sequence = 8; batch = 8; microbatches = 4; steps = 1;\n"
      "  optimizer = sgd(lr = 0.1, clip = 1.0); }\n";
  for (const char* rest : {"", "gradients naive;\n", "gradients ddp(bucket = 1 KiB);\n"}) {
    const Compilation result = CompileSource(text + rest);
    EXPECT_TRUE(result.Ok()) << result.Messages();
    ASSERT_TRUE(result.plan.has_value());
    for (const Instruction& instruction : result.plan->positions[1].programs[1].instructions) {
      EXPECT_FALSE(std::holds_alternative<Update>(instruction.operands));
    }
  }
}

TEST(CompileTest, SettingsReachThePlan) {
  const std::string schedule =
      "schedule lagged(lag = 0) {\n"
      "  order on rank r {\n"
      "    for i in 0 .. microbatches { forward(i); }\n"
      "    for i in 0 .. microbatches { input_grad(i); if i >= lag { weight_grad(i - lag); } }\n"
      "    for i in max(0, microbatches - lag) .. microbatches { weight_grad(i); }\n"
      "  }\n}\nschedule lagged;\n";
  const std::string text = ToSource(SmallGpt{.rest = schedule});
  const Compilation plain = CompileSource(text);
  ASSERT_TRUE(plain.Ok()) << plain.Messages();
  const Compilation set = CompileSource(text, {{"pp", "3"},
                                               {"mesh.dp", "2"},
                                               {"train.steps", "17"},
                                               {"train.batch", "24"},
                                               {"train.microbatches", "6"},
                                               {"model.depth", "5"},
                                               {"schedule.lag", "2"}});
  ASSERT_TRUE(set.Ok()) << set.Messages();
  EXPECT_EQ(set.plan->positions.size(), 3u);
  EXPECT_EQ(set.plan->Replicas(), 2);
  EXPECT_EQ(set.plan->train.steps, 17);
  EXPECT_EQ(set.plan->train.batch, 24);
  EXPECT_EQ(set.plan->train.microbatches, 6);
  EXPECT_EQ(set.plan->layers.size(), 7u);
  EXPECT_EQ(MicrobatchSamples(*set.checked), 2);
  // The weight gradient of microbatch 0 now follows the third input gradient.
  EXPECT_NE(ToText(*plain.order).find("0I0 0W0"), std::string::npos) << ToText(*plain.order);
  EXPECT_NE(ToText(*set.order).find("0I0 0I1 0I2 0W0"), std::string::npos) << ToText(*set.order);
}

TEST(CompileTest, AnUnknownSettingIsAnError) {
  const Compilation result = CompileSource(ToSource(SmallGpt{}), {{"train.stepz", "3"}});
  EXPECT_FALSE(result.plan.has_value());
  EXPECT_EQ(result.diagnostics.errors(), 1) << result.Messages();
}

// One text, so that only numbers differ.
TEST(CompileTest, ThePlanDoesNotGrowWithTheReplicas) {
  const std::string text = ToSource(SmallGpt{.rest = "gradients ddp(bucket = 4 KiB);\n"});
  const auto with = [&](int64_t dp) {
    Compilation result = CompileSource(
        text, {{"mesh.dp", std::to_string(dp)}, {"train.batch", std::to_string(4 * dp)}});
    EXPECT_TRUE(result.Ok()) << result.Messages();
    return std::move(*result.plan);
  };
  const Plan two = with(2), many = with(1024);
  EXPECT_EQ(two.Ranks(), 4);
  EXPECT_EQ(many.Ranks(), 2048);
  EXPECT_EQ(InstructionCounts(two), InstructionCounts(many));
  EXPECT_EQ(Serialise(two).size(), Serialise(many).size());
}

TEST(CompileTest, CompilingTwiceGivesTheSameBytes) {
  for (int pp : {1, 3}) {
    const std::string text = ToSource(
        SmallGpt{.pp = pp, .dp = 2, .rest = "schedule gpipe;\ngradients ddp(bucket = 2 KiB);\n"});
    const Compilation a = CompileSource(text), b = CompileSource(text);
    ASSERT_TRUE(a.Ok() && b.Ok());
    EXPECT_EQ(ToText(*a.plan), ToText(*b.plan));
    EXPECT_EQ(Serialise(*a.plan), Serialise(*b.plan));
    EXPECT_EQ(Digest(*a.plan), Digest(*b.plan));
  }
}

TEST(CompileTest, APlanSurvivesItsFile) {
  const Compilation result = CompileSource(ToSource(SmallGpt{.pp = 3, .dp = 2}));
  ASSERT_TRUE(result.Ok()) << result.Messages();
  const std::vector<std::byte> bytes = Serialise(*result.plan);
  const Plan read = Deserialise(bytes);
  EXPECT_EQ(Serialise(read), bytes);
  EXPECT_EQ(ToText(read), ToText(*result.plan));
  EXPECT_EQ(Digest(read), Digest(*result.plan));
  EXPECT_TRUE(Verify(read).empty());
}

TEST(CompileTest, EveryPassIsReportedInOrder) {
  std::vector<std::string> passes;
  CompileOptions options;
  options.after_pass = [&](std::string_view pass, const Draft& draft) {
    CheckDraft(draft);
    passes.emplace_back(pass);
  };
  const std::string path = testing::TempDir() + "pprun_passes.sched";
  std::ofstream(path) << ToSource(SmallGpt{});
  EXPECT_TRUE(Compile(path, options).Ok());
  std::remove(path.c_str());
  EXPECT_EQ(passes, (std::vector<std::string>{
                        "place_parameters", "place_tasks", "insert_loads", "insert_transfers",
                        "sync_gradients", "insert_optimizer", "assign_memory", "insert_events"}));
}

TEST(CompileTest, AMemoryLimitIsAFindingThatKeepsThePlan) {
  CompileOptions options;
  options.verify.memory_limit = 1000;
  const std::string path = testing::TempDir() + "pprun_memory.sched";
  std::ofstream(path) << ToSource(SmallGpt{});
  const Compilation result = Compile(path, options);
  std::remove(path.c_str());
  EXPECT_FALSE(result.Ok());
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings.front().kind, FindingKind::kMemory);
  EXPECT_NE(result.Messages(), "");
}

}  // namespace
}  // namespace pprun
