#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "compiler/model/model.h"
#include "tests/model/example_models.h"

namespace pprun {
namespace {

using Stages = std::vector<std::vector<int32_t>>;

// A model whose i-th instance has weights[i] parameters, split by them.
Stages Split(const std::vector<int64_t>& weights, int32_t stages) {
  CheckedProgram program;
  program.stages.balance = Balance::kParameters;
  CompiledModel model;
  for (const int64_t weight : weights) {
    model.instances.push_back({.name = "i", .layer = static_cast<int32_t>(model.layers.size())});
    model.layers.push_back({.name = "l", .parameter_elements = weight});
  }
  Diagnostics diagnostics;
  const auto split = SplitStages(program, model, stages, diagnostics);
  EXPECT_TRUE(split.has_value());
  EXPECT_FALSE(diagnostics.HasErrors());
  return split.value_or(Stages{});
}

std::vector<size_t> Sizes(const Stages& stages) {
  std::vector<size_t> sizes;
  for (const auto& stage : stages) sizes.push_back(stage.size());
  return sizes;
}

int64_t Heaviest(const std::vector<int64_t>& weights, const Stages& stages) {
  int64_t heaviest = 0;
  for (const auto& stage : stages) {
    int64_t sum = 0;
    for (const int32_t instance : stage) sum += weights[static_cast<size_t>(instance)];
    heaviest = std::max(heaviest, sum);
  }
  return heaviest;
}

// Every way to cut, tried.
int64_t LeastByTrying(const std::vector<int64_t>& weights, size_t begin, int stages) {
  int64_t sum = 0;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (size_t end = begin + 1; end <= weights.size(); ++end) {
    sum += weights[end - 1];
    if (stages == 1) {
      if (end == weights.size()) least = sum;
    } else if (weights.size() - end >= static_cast<size_t>(stages) - 1) {
      least = std::min(least, std::max(sum, LeastByTrying(weights, end, stages - 1)));
    }
  }
  return least;
}

TEST(SplitStages, EqualWeightsGiveEvenStagesWithTheLargerFirst) {
  EXPECT_EQ(Sizes(Split(std::vector<int64_t>(8, 5), 4)), (std::vector<size_t>{2, 2, 2, 2}));
  EXPECT_EQ(Sizes(Split(std::vector<int64_t>(10, 5), 4)), (std::vector<size_t>{3, 3, 2, 2}));
  EXPECT_EQ(Sizes(Split(std::vector<int64_t>(3, 5), 3)), (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(Sizes(Split(std::vector<int64_t>(5, 0), 2)), (std::vector<size_t>{4, 1}));
}

TEST(SplitStages, IsOptimalAndContiguous) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> weights(1 + random() % 9);
    for (int64_t& weight : weights) weight = static_cast<int64_t>(random() % 20);
    const int32_t stages = 1 + static_cast<int32_t>(random() % weights.size());
    const Stages split = Split(weights, stages);
    ASSERT_EQ(split.size(), static_cast<size_t>(stages));
    int32_t next = 0;
    for (const auto& stage : split) {
      EXPECT_FALSE(stage.empty());
      for (const int32_t instance : stage) EXPECT_EQ(instance, next++);
    }
    EXPECT_EQ(next, static_cast<int32_t>(weights.size()));
    EXPECT_EQ(Heaviest(weights, split), LeastByTrying(weights, 0, stages));
  }
}

// The least sum of squares among the splits whose heaviest stage is the lightest, tried.
int64_t LeastSquares(const std::vector<int64_t>& weights, size_t begin, int stages, int64_t most) {
  constexpr int64_t kImpossible = std::numeric_limits<int64_t>::max();
  if (stages == 0) return begin == weights.size() ? 0 : kImpossible;
  int64_t sum = 0, least = kImpossible;
  for (size_t end = begin + 1; end <= weights.size(); ++end) {
    sum += weights[end - 1];
    if (sum > most) break;
    const int64_t rest = LeastSquares(weights, end, stages - 1, most);
    if (rest != kImpossible) least = std::min(least, sum * sum + rest);
  }
  return least;
}

TEST(SplitStages, TheOtherStagesAreEvenToo) {
  constexpr uint32_t kSeed = 20240517;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> weights(4 + random() % 9);
    // One heavy layer at times, which leaves the others a choice.
    for (int64_t& weight : weights) weight = 1 + random() % 9 + (random() % 8 == 0 ? 30 : 0);
    const int stages = 1 + static_cast<int>(random() % std::min<size_t>(4, weights.size()));
    const Stages split = Split(weights, stages);
    const int64_t heaviest = LeastByTrying(weights, 0, stages);
    EXPECT_EQ(Heaviest(weights, split), heaviest);
    int64_t squares = 0;
    for (const auto& stage : split) {
      const int64_t sum = Heaviest(weights, {stage});
      squares += sum * sum;
    }
    EXPECT_EQ(squares, LeastSquares(weights, 0, stages, heaviest))
        << "seed " << kSeed << " " << round;
  }
}

// Not the square of the layers: seconds, were it so.
TEST(SplitStages, SplitsSixtyThousandLayers) {
  const Stages split = Split(std::vector<int64_t>(60'000, 7), 64);
  const std::vector<size_t> sizes = Sizes(split);
  EXPECT_EQ(sizes.front(), 938u);
  EXPECT_EQ(sizes.back(), 937u);
}

TEST(SplitStages, BalancesByFlopsAndByLayers) {
  CheckedProgram program = TinyGpt({.vocabulary = 400, .depth = 4});
  const CompiledModel model = CompileModel(program, 2);
  Diagnostics diagnostics;
  program.stages.balance = Balance::kLayers;
  EXPECT_EQ(Sizes(*SplitStages(program, model, 2, diagnostics)), (std::vector<size_t>{3, 3}));
  // The head's product outweighs the four blocks.
  program.stages.balance = Balance::kFlops;
  EXPECT_EQ(Sizes(*SplitStages(program, model, 2, diagnostics)), (std::vector<size_t>{5, 1}));
}

TEST(SplitStages, ExplicitStagesAreTakenAsGiven) {
  CheckedProgram program = TinyGpt({.depth = 2});
  const CompiledModel model = CompileModel(program, 2);
  program.stages.stages = {{{0, 0}}, {{1, 0}, {1, 1}, {2, 0}}};
  Diagnostics diagnostics;
  EXPECT_EQ(*SplitStages(program, model, 2, diagnostics), (Stages{{0}, {1, 2, 3}}));
  EXPECT_FALSE(SplitStages(program, model, 3, diagnostics).has_value());
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message, "`stages` lists 2 stages, but the schedule has 3");
}

TEST(SplitStages, ReportsTooFewLayers) {
  const CheckedProgram program = TinyGpt({.depth = 2});
  const CompiledModel model = CompileModel(program, 2);
  Diagnostics diagnostics;
  EXPECT_FALSE(SplitStages(program, model, 5, diagnostics).has_value());
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message, "the model has 4 layers, too few for 5 stages");
}

}  // namespace
}  // namespace pprun
