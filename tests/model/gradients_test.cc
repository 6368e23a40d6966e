// Whole tiny models, run function by function: their gradients against finite differences of the
// loss, and the two ways to run backward against each other, bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "compiler/model/model.h"
#include "tests/model/example_models.h"
#include "tests/model/interpreter.h"

namespace pprun {
namespace {

struct Case {
  std::string name;
  CheckedProgram program;
};

// Every unary operation once, dropout first and last, and a residual within a residual.
CheckedProgram Medley(LayerOpKind loss) {
  const TinySizes sizes;
  const auto unary = [](LayerOpKind kind, const char* label) {
    return ActivationOf(kind, label, 8);
  };
  CheckedOperation inner =
      ResidualOf("inner", {unary(LayerOpKind::kSilu, "silu"), LinearOf("linear1", 8, 8, true)});
  return ProgramOf(
      sizes, {{.name = "embed", .operations = {EmbeddingOf(sizes), DropoutOf("dropout", 8, 0.2)}},
              {.name = "middle",
               .operations = {PositionsOf(sizes),
                              ResidualOf("outer", {NormOf(LayerOpKind::kLayerNorm, "layer_norm", 8),
                                                   unary(LayerOpKind::kGelu, "gelu"), inner,
                                                   LinearOf("linear", 8, 8, true)}),
                              DropoutOf("dropout", 8, 0.2)}},
              {.name = "head",
               .operations = {LinearOf("linear", 8, 8, true),
                              unary(LayerOpKind::kRelu, "relu"),
                              LinearOf("linear1", 8, 11, true),
                              {.kind = loss, .label = "loss", .width_in = 11}}}});
}

std::vector<Case> Cases() {
  return {{"gpt", TinyGpt({})},
          {"gpt with dropout", TinyGpt({.dropout = 0.2})},
          {"gpt, tied", TinyGpt({.tied = "embed"})},
          {"llama", TinyLlama({.heads = 4, .kv_heads = 2})},
          {"llama, tied", TinyLlama({.kv_heads = 1, .tied = "embed"})},
          {"medley", Medley(LayerOpKind::kCrossEntropy)},
          {"medley, mean squared error", Medley(LayerOpKind::kMeanSquaredError)}};
}

std::vector<ParameterUse> Uses(const CompiledModel& model) {
  std::vector<ParameterUse> uses;
  for (const CompiledInstance& instance : model.instances) {
    uses.insert(uses.end(), instance.parameters.begin(), instance.parameters.end());
  }
  return uses;
}

// Of all uses of each parameter.
std::vector<std::vector<double>> SummedGradients(const CompiledModel& model, Interpreter& run) {
  std::vector<std::vector<double>> sums;
  for (const Parameter& parameter : model.parameters) {
    sums.emplace_back(static_cast<size_t>(parameter.type.shape.Elements()));
  }
  for (const ParameterUse& use : Uses(model)) {
    std::vector<double>& sum = sums[use.parameter.index()];
    const std::span<float> gradient = run.Gradient(use);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(gradient[i]);
  }
  return sums;
}

double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

// (loss(p + step * direction) - loss(p - step * direction)) / (2 * step); p is left as it was.
double Slope(Interpreter& run, ParameterId parameter, const std::vector<double>& direction,
             double step) {
  const std::span<float> values = run.ParameterValues(parameter);
  const std::vector<float> before(values.begin(), values.end());
  const auto loss_at = [&](double distance) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(static_cast<double>(before[i]) + distance * direction[i]);
    }
    return run.Forward();
  };
  const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
  std::copy(before.begin(), before.end(), values.begin());
  return slope;
}

TEST(Gradients, AgreeWithFiniteDifferences) {
  const uint32_t seed = 20240607;
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    const CompiledModel model = CompileModel(each.program, each.program.train->batch);
    Interpreter run(model, each.program, seed);
    ASSERT_TRUE(std::isfinite(run.Forward()));
    run.Backward(BackwardKind::kWhole);
    const std::vector<std::vector<double>> gradients = SummedGradients(model, run);
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    for (size_t i = 0; i < gradients.size(); ++i) {
      const double norm = Norm(gradients[i]);
      ASSERT_TRUE(std::isfinite(norm)) << model.parameters[i].name;
      // Along the gradient, and along a random direction of the same length as its unit vector.
      std::vector<double> along = gradients[i];
      std::vector<double> across(along.size());
      double expected_across = 0;
      for (size_t k = 0; k < along.size(); ++k) {
        along[k] /= norm > 0 ? norm : 1;
        across[k] = normal(random) / std::sqrt(static_cast<double>(along.size()));
        expected_across += across[k] * gradients[i][k];
      }
      const ParameterId id(static_cast<int64_t>(i));
      const double tolerance = 5e-3 * norm + 1e-5;
      EXPECT_NEAR(Slope(run, id, along, 3e-3), norm, tolerance) << model.parameters[i].name;
      EXPECT_NEAR(Slope(run, id, across, 3e-3), expected_across, tolerance)
          << model.parameters[i].name;
    }
  }
}

TEST(Gradients, HalvesLeaveTheBitsOfTheWhole) {
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    const CompiledModel model = CompileModel(each.program, each.program.train->batch);
    Interpreter run(model, each.program, 1);
    run.Forward();
    run.Backward(BackwardKind::kWhole);
    std::vector<std::vector<float>> whole;
    for (const ParameterUse& use : Uses(model)) {
      const std::span<float> gradient = run.Gradient(use);
      whole.emplace_back(gradient.begin(), gradient.end());
    }
    run.Backward(BackwardKind::kHalves);
    size_t i = 0;
    for (const ParameterUse& use : Uses(model)) {
      const std::vector<float>& expected = whole[i++];
      EXPECT_EQ(std::memcmp(expected.data(), run.Gradient(use).data(), expected.size() * 4), 0)
          << model.parameters[use.parameter.index()].name;
    }
  }
}

TEST(Gradients, EvaluateIsForwardWithoutDropout) {
  for (const Case& each : {Case{"gpt", TinyGpt({})}, Case{"llama", TinyLlama({.kv_heads = 1})}}) {
    const CompiledModel model = CompileModel(each.program, each.program.train->batch);
    Interpreter run(model, each.program, 2);
    EXPECT_EQ(run.Forward(), run.Evaluate()) << each.name;
  }
  const CheckedProgram with = TinyGpt({.dropout = 0.3});
  const CheckedProgram without = TinyGpt({});
  const CompiledModel dropping = CompileModel(with, 2);
  const CompiledModel plain = CompileModel(without, 2);
  Interpreter dropping_run(dropping, with, 3);
  Interpreter plain_run(plain, without, 3);
  EXPECT_EQ(dropping_run.Evaluate(), plain_run.Forward());
  EXPECT_NE(dropping_run.Forward(), plain_run.Forward());
}

}  // namespace
}  // namespace pprun
