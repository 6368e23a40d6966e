#include "kernels/activation.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "kernels/formulas/exponential.h"
#include "kernels/swiglu.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

TEST(Exponential, IsWithinTwoUlpEverywhereItIsNormal) {
  double worst = 0;
  for (int32_t i = -873300; i <= 887200; ++i) {
    const float x = static_cast<float>(i) * 1e-4F;
    const double truth = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(Exp(x)) - truth) / truth);
  }
  EXPECT_LT(worst, 2 * 0x1p-23);
}

TEST(Exponential, KeepsTheExtremes) {
  EXPECT_EQ(Exp(0.0F), 1.0F);
  EXPECT_EQ(Exp(-INFINITY), 0.0F);
  EXPECT_EQ(Exp(-88.0F), 0.0F);
  EXPECT_EQ(Exp(INFINITY), INFINITY);
  EXPECT_EQ(Exp(88.8F), INFINITY);
  EXPECT_TRUE(std::isnan(Exp(NAN)));
}

struct Activation {
  const char* name;
  void (*forward)(const CpuQueue&, const Tensor&, const Tensor&);
  void (*backward)(const CpuQueue&, const Tensor&, const Tensor&, const Tensor&);
  double (*reference)(double);
};

constexpr Activation kActivations[] = {
    {"gelu", LaunchGelu, LaunchGeluGrad, reference::Gelu},
    {"gelu_tanh", LaunchGeluTanh, LaunchGeluTanhGrad, reference::GeluTanh},
    {"silu", LaunchSilu, LaunchSiluGrad, reference::Silu},
    {"relu", LaunchRelu, LaunchReluGrad, reference::Relu},
};

class EveryActivation : public testing::TestWithParam<Activation> {
 protected:
  CpuQueue queue_{1};
};

// From -8 to 8: where the exact forms have a tail, it is right to 1e-5 of itself.
TEST_P(EveryActivation, MatchesTheReferenceAlsoInItsTail) {
  Array x = RandomFloats({3, 7, 61}, 1, -8, 8);
  Array y = Poisoned(x.shape);
  GetParam().forward(queue_, x.View(), y.View());
  ExpectClose(y.Floats(), reference::Map(ToDoubles(x.Floats()), GetParam().reference), 1e-5, 1e-30);
}

TEST_P(EveryActivation, GradientMatchesCentralDifferences) {
  Array x = RandomFloats({3, 7, 61}, 2, -6, 6);
  Array dy = RandomFloats(x.shape, 3);
  Array dx = Poisoned(x.shape);
  GetParam().backward(queue_, x.View(), dy.View(), dx.View());
  std::vector<double> expected;
  for (size_t i = 0; i < x.Floats().size(); ++i) {
    const double at = static_cast<double>(x.Floats()[i]);
    expected.push_back(static_cast<double>(dy.Floats()[i]) *
                       (GetParam().reference(at + 1e-5) - GetParam().reference(at - 1e-5)) / 2e-5);
  }
  ExpectClose(dx.Floats(), expected, 1e-5, 0.1);
}

TEST_P(EveryActivation, WorksInPlace) {
  Array x = RandomFloats({101}, 4, -3, 3);
  Array y = Poisoned(x.shape);
  GetParam().forward(queue_, x.View(), y.View());
  Array in_place = x;
  GetParam().forward(queue_, in_place.View(), in_place.View());
  EXPECT_EQ(in_place, y);
}

TEST_P(EveryActivation, PassesOnNaNAndLargeValues) {
  Array x(DType::kF32, {4});
  x.Floats()[0] = NAN;
  x.Floats()[1] = 1e30F;
  x.Floats()[2] = -1e30F;
  x.Floats()[3] = 0;
  Array y = Poisoned(x.shape);
  GetParam().forward(queue_, x.View(), y.View());
  EXPECT_TRUE(std::isnan(y.Floats()[0]));
  EXPECT_EQ(y.Floats()[1], 1e30F);
  EXPECT_EQ(y.Floats()[2], 0.0F);
  EXPECT_EQ(y.Floats()[3], 0.0F);
  Array dy(DType::kF32, {4});
  std::ranges::fill(dy.Floats(), 1.0F);
  Array dx = Poisoned(x.shape);
  GetParam().backward(queue_, x.View(), dy.View(), dx.View());
  EXPECT_EQ(dx.Floats()[1], 1.0F);
  EXPECT_EQ(dx.Floats()[2], 0.0F);
}

INSTANTIATE_TEST_SUITE_P(Activation, EveryActivation, testing::ValuesIn(kActivations),
                         [](const testing::TestParamInfo<Activation>& test) {
                           return std::string(test.param.name);
                         });

TEST(Swiglu, MatchesTheReference) {
  const CpuQueue queue(1);
  Array gate = RandomFloats({2, 5, 37}, 5, -8, 8);
  Array up = RandomFloats(gate.shape, 6);
  Array y = Poisoned(gate.shape);
  LaunchSwiglu(queue, gate.View(), up.View(), y.View());
  ExpectClose(y.Floats(), reference::Swiglu(ToDoubles(gate.Floats()), ToDoubles(up.Floats())), 1e-5,
              0);
}

TEST(Swiglu, GradientMatchesCentralDifferences) {
  const CpuQueue queue(1);
  Array gate = RandomFloats({2, 3, 17}, 7, -4, 4);
  Array up = RandomFloats(gate.shape, 8);
  Array dy = RandomFloats(gate.shape, 9);
  Array dgate = Poisoned(gate.shape);
  Array dup = Poisoned(gate.shape);
  LaunchSwigluGrad(queue, gate.View(), up.View(), dy.View(), dgate.View(), dup.View());
  const auto g = ToDoubles(gate.Floats());
  const auto u = ToDoubles(up.Floats());
  const auto d = ToDoubles(dy.Floats());
  ExpectClose(
      dgate.Floats(),
      reference::NumericGradient([&](const auto& x) { return reference::Swiglu(x, u); }, g, d),
      1e-5, 0.1);
  ExpectClose(
      dup.Floats(),
      reference::NumericGradient([&](const auto& x) { return reference::Swiglu(g, x); }, u, d),
      1e-5, 0.1);
}

}  // namespace
}  // namespace pprun::kernels
