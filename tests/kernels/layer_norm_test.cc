#include "kernels/layer_norm.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

constexpr float kEpsilon = 1e-5F;

// Widths below, at and above a multiple of the vector's 16 lanes.
class LayerNormOfWidth : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    LaunchLayerNorm(queue_, x_.View(), weight_.View(), bias_.View(), y_.View(), mean_.View(),
                    rstd_.View(), kEpsilon);
  }

  // The reference as a function of one operand, the others fixed.
  std::vector<double> Reference(const std::vector<double>& x, const std::vector<double>& weight,
                                const std::vector<double>& bias) {
    return reference::LayerNorm(x, weight, bias, static_cast<double>(kEpsilon));
  }

  int64_t width_ = GetParam();
  CpuQueue queue_{1};
  // Far from zero, so that a variance from E[x^2] would show.
  Array x_ = RandomFloats({2, 3, width_}, 1, 9, 11);
  Array weight_ = RandomFloats({width_}, 2);
  Array bias_ = RandomFloats({width_}, 3);
  Array dy_ = RandomFloats({2, 3, width_}, 4);
  Array y_ = Poisoned({2, 3, width_});
  Array mean_ = Poisoned({2, 3});
  Array rstd_ = Poisoned({2, 3});
  std::vector<double> x_values_ = ToDoubles(x_.Floats());
  std::vector<double> weight_values_ = ToDoubles(weight_.Floats());
  std::vector<double> bias_values_ = ToDoubles(bias_.Floats());
  std::vector<double> dy_values_ = ToDoubles(dy_.Floats());
};

TEST_P(LayerNormOfWidth, MatchesTheReference) {
  ExpectClose(y_.Floats(), Reference(x_values_, weight_values_, bias_values_), 1e-5, 1);
}

TEST_P(LayerNormOfWidth, InputGradientMatchesCentralDifferences) {
  Array dx = Poisoned(x_.shape);
  LaunchLayerNormInputGrad(queue_, x_.View(), dy_.View(), weight_.View(), mean_.View(),
                           rstd_.View(), {}, dx.View());
  const auto numeric = reference::NumericGradient(
      [&](const auto& at) { return Reference(at, weight_values_, bias_values_); }, x_values_,
      dy_values_);
  ExpectClose(dx.Floats(), numeric, 2e-5, 1);
}

TEST_P(LayerNormOfWidth, WeightGradientsMatchCentralDifferences) {
  Array dweight = Zeros(weight_.shape);
  Array dbias = Zeros(bias_.shape);
  LaunchLayerNormWeightGrad(queue_, x_.View(), dy_.View(), mean_.View(), rstd_.View(),
                            dweight.View(), dbias.View());
  ExpectClose(dweight.Floats(),
              reference::NumericGradient(
                  [&](const auto& at) { return Reference(x_values_, at, bias_values_); },
                  weight_values_, dy_values_),
              1e-5, 1);
  ExpectClose(dbias.Floats(),
              reference::NumericGradient(
                  [&](const auto& at) { return Reference(x_values_, weight_values_, at); },
                  bias_values_, dy_values_),
              1e-5, 1);
}

INSTANTIATE_TEST_SUITE_P(LayerNorm, LayerNormOfWidth, testing::Values(5, 16, 37, 71));

}  // namespace
}  // namespace pprun::kernels
