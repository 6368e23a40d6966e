#include "kernels/linear.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

struct LinearTest : testing::Test {
  CpuQueue queue{1};
  Array x = RandomFloats({2, 5, 13}, 1);
  Array weight = RandomFloats({19, 13}, 2);
  Array bias = RandomFloats({19}, 3);
  Array dy = RandomFloats({2, 5, 19}, 4);

  std::vector<double> X() { return ToDoubles(x.Floats()); }
  std::vector<double> Weight() { return ToDoubles(weight.Floats()); }
  std::vector<double> Bias() { return ToDoubles(bias.Floats()); }
  std::vector<double> Dy() { return ToDoubles(dy.Floats()); }
};

TEST_F(LinearTest, MatchesTheReference) {
  Array y = Poisoned({2, 5, 19});
  LaunchLinear(queue, x.View(), weight.View(), bias.View(), y.View());
  ExpectClose(y.Floats(), reference::Linear(X(), Weight(), Bias(), 13), 1e-5, 1);
  LaunchLinear(queue, x.View(), weight.View(), {}, y.View());
  ExpectClose(y.Floats(), reference::Linear(X(), Weight(), {}, 13), 1e-5, 1);
}

TEST_F(LinearTest, InputGradientMatchesCentralDifferences) {
  Array dx = Poisoned(x.shape);
  LaunchLinearInputGrad(queue, dy.View(), weight.View(), dx.View());
  ExpectClose(
      dx.Floats(),
      reference::NumericGradient(
          [&](const auto& at) { return reference::Linear(at, Weight(), Bias(), 13); }, X(), Dy()),
      1e-5, 1);
}

TEST_F(LinearTest, WeightGradientsMatchCentralDifferences) {
  Array dweight = Zeros(weight.shape);
  Array dbias = Zeros(bias.shape);
  LaunchLinearWeightGrad(queue, x.View(), dy.View(), dweight.View(), dbias.View());
  ExpectClose(
      dweight.Floats(),
      reference::NumericGradient(
          [&](const auto& at) { return reference::Linear(X(), at, Bias(), 13); }, Weight(), Dy()),
      1e-5, 1);
  ExpectClose(
      dbias.Floats(),
      reference::NumericGradient(
          [&](const auto& at) { return reference::Linear(X(), Weight(), at, 13); }, Bias(), Dy()),
      1e-5, 1);
}

// More columns than one pass of the column sum takes, and a ragged rest.
TEST(Linear, BiasGradientAddsEveryRowOfEveryColumn) {
  const CpuQueue queue(1);
  Array x = RandomFloats({200, 3}, 5);
  Array dy = RandomFloats({200, 135}, 6);
  Array dweight = Zeros({135, 3});
  Array dbias = Zeros({135});
  LaunchLinearWeightGrad(queue, x.View(), dy.View(), dweight.View(), dbias.View());
  std::vector<double> expected(135);
  for (size_t i = 0; i < dy.Floats().size(); ++i)
    expected[i % 135] += static_cast<double>(dy.Floats()[i]);
  ExpectClose(dbias.Floats(), expected, 1e-5, 1);
}

}  // namespace
}  // namespace pprun::kernels
