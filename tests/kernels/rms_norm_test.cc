#include "kernels/rms_norm.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

constexpr float kEpsilon = 1e-5F;

class RmsNormOfWidth : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    LaunchRmsNorm(queue_, x_.View(), weight_.View(), y_.View(), rstd_.View(), kEpsilon);
  }

  std::vector<double> Reference(const std::vector<double>& x, const std::vector<double>& weight) {
    return reference::RmsNorm(x, weight, static_cast<double>(kEpsilon));
  }

  int64_t width_ = GetParam();
  CpuQueue queue_{1};
  Array x_ = RandomFloats({2, 3, width_}, 1, -2, 3);
  Array weight_ = RandomFloats({width_}, 2);
  Array dy_ = RandomFloats({2, 3, width_}, 3);
  Array y_ = Poisoned({2, 3, width_});
  Array rstd_ = Poisoned({2, 3});
  std::vector<double> x_values_ = ToDoubles(x_.Floats());
  std::vector<double> weight_values_ = ToDoubles(weight_.Floats());
  std::vector<double> dy_values_ = ToDoubles(dy_.Floats());
};

TEST_P(RmsNormOfWidth, MatchesTheReference) {
  ExpectClose(y_.Floats(), Reference(x_values_, weight_values_), 1e-5, 0.1);
}

TEST_P(RmsNormOfWidth, InputGradientMatchesCentralDifferences) {
  Array dx = Poisoned(x_.shape);
  LaunchRmsNormInputGrad(queue_, x_.View(), dy_.View(), weight_.View(), rstd_.View(), {},
                         dx.View());
  const auto numeric = reference::NumericGradient(
      [&](const auto& at) { return Reference(at, weight_values_); }, x_values_, dy_values_);
  ExpectClose(dx.Floats(), numeric, 1e-5, 1);
}

TEST_P(RmsNormOfWidth, WeightGradientMatchesCentralDifferences) {
  Array dweight = Zeros(weight_.shape);
  LaunchRmsNormWeightGrad(queue_, x_.View(), dy_.View(), rstd_.View(), dweight.View());
  const auto numeric = reference::NumericGradient(
      [&](const auto& at) { return Reference(x_values_, at); }, weight_values_, dy_values_);
  ExpectClose(dweight.Floats(), numeric, 1e-5, 1);
}

INSTANTIATE_TEST_SUITE_P(RmsNorm, RmsNormOfWidth, testing::Values(5, 16, 37, 71));

}  // namespace
}  // namespace pprun::kernels
