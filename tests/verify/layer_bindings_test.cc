// Runs of a layer share a number exactly where they bind the same parameters and gradients, and
// what a number stands for is what its runs touch.
#include "compiler/verify/layer_bindings.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/verify/segments.h"
#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

using Bound = std::pair<int32_t, std::vector<BufferId>>;  // function, buffers

Bound BoundFirst(const Position& position, const Run& run, size_t count) {
  const auto first = position.bindings.begin() + run.first_binding;
  return {run.function.value, {first, first + static_cast<ptrdiff_t>(count)}};
}

TEST(LayerBindings, AreNumberedByFunctionAndBuffers) {
  for (const auto halves : {PlanToBuild::Halves::kTogether, PlanToBuild::Halves::kApart}) {
    const Plan plan = BuildPlan({.positions = 1, .microbatches = 4, .halves = halves});
    const Position& position = plan.positions[0];
    const std::vector<size_t> counts = LayerArguments(plan);
    LayerBindings bindings(plan, counts, position);
    std::map<Bound, size_t> numbers;
    size_t runs = 0;
    for (const Program& program : position.programs) {
      for (const Instruction& instruction : program.instructions) {
        const pprun::Run* run = std::get_if<pprun::Run>(&instruction.operands);
        if (run == nullptr) continue;
        ++runs;
        const Bound bound = BoundFirst(position, *run, counts[run->function.index()]);
        const size_t number = bindings.NumberOf(*run);
        ASSERT_EQ(numbers.try_emplace(bound, numbers.size()).first->second, number);
      }
    }
    EXPECT_EQ(bindings.lists().size(), numbers.size());
    EXPECT_GT(runs, 2 * numbers.size());
  }
}

TEST(LayerBindings, OtherBuffersAreAnotherNumber) {
  Plan plan = BuildPlan({.positions = 1, .microbatches = 2});
  Position& position = plan.positions[0];
  const std::vector<size_t> counts = LayerArguments(plan);
  LayerBindings bindings(plan, counts, position);
  pprun::Run run;
  for (const Instruction& instruction : StepOf(plan, 0)) {
    const pprun::Run* next = std::get_if<pprun::Run>(&instruction.operands);
    if (next != nullptr && counts[next->function.index()] > 0) run = *next;
  }
  ASSERT_TRUE(run.function.valid());
  EXPECT_EQ(bindings.NumberOf(run), 0U);
  pprun::Run other = run;
  const size_t first = static_cast<size_t>(run.first_binding);
  other.first_binding = static_cast<int32_t>(position.bindings.size());
  for (size_t i = 0; i < plan.functions[run.function.index()].arguments.size(); ++i) {
    position.bindings.push_back(position.bindings[first + i]);
  }
  EXPECT_EQ(bindings.NumberOf(other), 0U);
  position.bindings[static_cast<size_t>(other.first_binding)] = BufferId(0);
  position.bindings[first] = BufferId(1);
  EXPECT_EQ(bindings.NumberOf(other), 1U);
  EXPECT_EQ(bindings.NumberOf(other), 1U);
}

// Two parameters side by side, whose gradients lie apart.
TEST(Segments, NeighboursThatAreAccessedAlikeAreJoined) {
  Plan plan;
  plan.layers.emplace_back();
  Function& function = plan.functions.emplace_back();
  function.arguments = {{Role::kParameter, Access::kRead, 8, 0},
                        {Role::kParameter, Access::kRead, 16, 1},
                        {Role::kGradient, Access::kAccumulate, 8, 0},
                        {Role::kGradient, Access::kAccumulate, 16, 1},
                        {Role::kOutput, Access::kWrite, 8, 0}};
  Position& position = plan.positions.emplace_back();
  const auto add = [&](ArenaKind arena, int64_t offset, int64_t elements) {
    position.bindings.emplace_back(static_cast<int64_t>(position.buffers.size()));
    position.buffers.push_back({"", arena, offset, {DType::kF32, {elements}}});
  };
  add(ArenaKind::kParameters, 0, 2);
  add(ArenaKind::kParameters, 8, 4);
  add(ArenaKind::kGradients, 0, 2);
  add(ArenaKind::kGradients, 64, 4);
  add(ArenaKind::kGradients, 80, 2);
  const pprun::Run run{.function = FunctionId(0), .layer = LayerId(0)};
  StepOf(plan, 0).push_back({StreamId(0), SourceId(), run});

  const Segments segments = std::move(SegmentsOf(plan)[0]);
  const Footprint of_layer = segments.Of(ProgramKind::kStep, 0);
  ASSERT_EQ(of_layer.arguments.size(), 4U);
  for (size_t i = 0; i < 4; ++i) {
    const Span whole = segments.Of(position.bindings[i]);
    EXPECT_EQ(of_layer.arguments[i].begin, whole.begin);
    EXPECT_EQ(of_layer.arguments[i].end, whole.end);
  }
  ASSERT_EQ(of_layer.accesses.size(), 3U);
  const auto expect = [&](size_t access, size_t first, size_t last, Access how) {
    const JoinedAccess& joined = of_layer.accesses[access];
    EXPECT_EQ(joined.span.begin, of_layer.arguments[first].begin);
    EXPECT_EQ(joined.span.end, of_layer.arguments[last].end);
    EXPECT_EQ(joined.access, how);
    EXPECT_EQ(joined.number, static_cast<int32_t>(first));
  };
  expect(0, 0, 1, Access::kRead);
  expect(1, 2, 2, Access::kAccumulate);
  expect(2, 3, 3, Access::kAccumulate);
}

}  // namespace
}  // namespace pprun
