#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

TEST(PlaceTasksTest, EveryLayerRunsForwardAndBackwardOnceAMicrobatch) {
  const Plan plan = CompilePlan({.pp = 3, .microbatches = 5, .depth = 7});
  std::map<std::tuple<int, int, TaskKind>, int> runs;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    for (const pprun::Run& run : Select<pprun::Run>(Step(plan, p))) {
      ++runs[{run.layer.value, run.microbatch.value, run.kind}];
      EXPECT_EQ(plan.layers[run.layer.index()].stage, run.stage);
    }
  }
  EXPECT_EQ(runs.size(), plan.layers.size() * 5 * 2);
  for (const auto& [key, count] : runs) EXPECT_EQ(count, 1);
}

TEST(PlaceTasksTest, LayersRunForwardsThenBackwards) {
  const Plan plan = CompilePlan({.pp = 1, .microbatches = 1, .depth = 2});
  std::vector<int> layers;
  for (const pprun::Run& run : Select<pprun::Run>(Step(plan, 0))) layers.push_back(run.layer.value);
  EXPECT_EQ(layers, (std::vector<int>{0, 1, 2, 3, 3, 2, 1, 0}));
}

TEST(PlaceTasksTest, IdenticalLayersShareFunctions) {
  const Plan plan = CompilePlan({.pp = 1, .microbatches = 1, .depth = 6});
  std::map<std::pair<std::string, TaskKind>, std::set<int>> functions;
  for (const pprun::Run& run : Select<pprun::Run>(Step(plan, 0))) {
    const std::string layer = plan.layers[run.layer.index()].name.substr(0, 5);
    functions[{layer, run.kind}].insert(run.function.value);
  }
  for (const auto& [key, ids] : functions) EXPECT_EQ(ids.size(), 1u) << key.first;
}

TEST(PlaceTasksTest, OverlappedPairsRunOnTwoComputeStreams) {
  const Plan plan = CompilePlan(
      {.pp = 1,
       .microbatches = 2,
       .schedule = "schedule paired { order on rank r { forward(0); overlap { forward(1); "
                   "backward(0); } backward(1); } }\nschedule paired;"});
  std::map<std::string, int> runs;
  for (const Instruction& instruction : Step(plan, 0).instructions) {
    if (!std::holds_alternative<pprun::Run>(instruction.operands)) continue;
    ++runs[plan.positions[0].streams[instruction.stream.index()].name];
  }
  EXPECT_EQ(runs["compute.0"], 3 * 6);
  EXPECT_EQ(runs["compute.1"], 6);
}

TEST(PlaceTasksTest, ValidationRunsForwardOnly) {
  const Plan plan = CompilePlan(
      {.pp = 2,
       .extra_train =
           "validation = synthetic(seed = 2); validate_every = 1; validate_batches = 1;"});
  for (const Position& position : plan.positions) {
    const Program& program = position.programs[static_cast<size_t>(ProgramKind::kValidate)];
    EXPECT_EQ(Select<pprun::Run>(program).size(), 3u * 4);
    for (const pprun::Run& run : Select<pprun::Run>(program))
      EXPECT_EQ(run.kind, TaskKind::kForward);
    EXPECT_TRUE(Select<Update>(program).empty());
  }
}

// A stage that only embeds has no input gradient to run, so that the other of a pair is alone.
TEST(PlaceTasksTest, ATaskBesideNothingIsNoPair) {
  const std::string text =
      ToSource({.pp = 2,
                .schedule = "schedule paired { order on rank r {\n"
                            "  forward(0);\n"
                            "  for i in 1 .. microbatches {\n"
                            "    if r == 0 { overlap { input_grad(i - 1); forward(i); } }\n"
                            "    else { input_grad(i - 1); forward(i); }\n"
                            "    weight_grad(i - 1);\n"
                            "  }\n"
                            "  backward(microbatches - 1);\n"
                            "} }\nschedule paired;\nstages { embed | block[0 .. 4] head }"});
  const CompiledText compiled = CompileText(text);
  ASSERT_TRUE(compiled.result.plan);
  for (const Position& position : compiled.result.plan->positions) {
    for (const Stream& stream : position.streams) EXPECT_NE(stream.name, "compute.1");
  }
}

}  // namespace
}  // namespace pprun
