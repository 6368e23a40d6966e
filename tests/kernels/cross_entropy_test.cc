#include "kernels/cross_entropy.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "kernels/mean_squared_error.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

constexpr double kScale = 0.125;

// Vocabularies below, at and above a multiple of the vector's 16 lanes.
class LossOver : public testing::TestWithParam<int64_t> {
 protected:
  int64_t vocabulary_ = GetParam();
  CpuQueue queue_{1};
  Array logits_ = RandomFloats({2, 3, vocabulary_}, 1, -5, 5);
  Array targets_ = RandomIntegers({2, 3}, 2, static_cast<int32_t>(vocabulary_));
  Array loss_ = Poisoned(DType::kF64, {});
  std::vector<double> values_ = ToDoubles(logits_.Floats());
};

TEST_P(LossOver, CrossEntropyMatchesTheReference) {
  Array lse = Poisoned({2, 3});
  LaunchCrossEntropy(queue_, logits_.View(), targets_.View(), loss_.View(), lse.View(), kScale);
  std::vector<double> expected_lse;
  const double expected =
      reference::CrossEntropy(values_, targets_.Integers(), kScale, &expected_lse);
  EXPECT_NEAR(loss_.Doubles()[0], expected, 1e-6 * std::max(1.0, expected));
  ExpectClose(lse.Floats(), expected_lse, 1e-5, 0.1);
}

TEST_P(LossOver, CrossEntropyGradientMatchesCentralDifferences) {
  Array lse = Poisoned({2, 3});
  LaunchCrossEntropy(queue_, logits_.View(), targets_.View(), loss_.View(), lse.View(), kScale);
  Array dlogits = Poisoned(logits_.shape);
  LaunchCrossEntropyGrad(queue_, logits_.View(), targets_.View(), lse.View(), dlogits.View(),
                         kScale);
  const auto numeric = reference::NumericGradient(
      [&](const auto& at) {
        return std::vector<double>{
            reference::CrossEntropy(at, targets_.Integers(), kScale, nullptr)};
      },
      values_, {1.0});
  ExpectClose(dlogits.Floats(), numeric, 1e-5, kScale * 0.1);
}

TEST_P(LossOver, MeanSquaredErrorMatchesTheReference) {
  LaunchMeanSquaredError(queue_, logits_.View(), targets_.View(), loss_.View(), kScale);
  const double expected = reference::MeanSquaredError(values_, targets_.Integers(), kScale);
  EXPECT_NEAR(loss_.Doubles()[0], expected, 1e-6 * expected);
}

TEST_P(LossOver, MeanSquaredErrorGradientMatchesCentralDifferences) {
  Array dx = Poisoned(logits_.shape);
  LaunchMeanSquaredErrorGrad(queue_, logits_.View(), targets_.View(), dx.View(), kScale);
  const auto numeric = reference::NumericGradient(
      [&](const auto& at) {
        return std::vector<double>{reference::MeanSquaredError(at, targets_.Integers(), kScale)};
      },
      values_, {1.0});
  ExpectClose(dx.Floats(), numeric, 1e-5, kScale * 0.1);
}

INSTANTIATE_TEST_SUITE_P(Loss, LossOver, testing::Values(2, 16, 37, 71));

TEST(CrossEntropy, SurvivesLargeLogits) {
  const CpuQueue queue(1);
  Array logits = RandomFloats({1, 4, 33}, 3, -1e5F, 1e5F);
  Array targets = RandomIntegers({1, 4}, 4, 33);
  Array loss = Poisoned(DType::kF64, {});
  Array lse = Poisoned({1, 4});
  LaunchCrossEntropy(queue, logits.View(), targets.View(), loss.View(), lse.View(), 1);
  EXPECT_NEAR(loss.Doubles()[0],
              reference::CrossEntropy(ToDoubles(logits.Floats()), targets.Integers(), 1, nullptr),
              1e-3);
}

// A diverged run has to be seen in its loss.
TEST(CrossEntropy, NaNShowsInTheLossAndItsGradient) {
  const CpuQueue queue(1);
  Array logits = RandomFloats({1, 2, 33}, 5);
  logits.Floats()[20] = NAN;
  Array targets = RandomIntegers({1, 2}, 6, 5);
  Array loss(DType::kF64, {});
  Array lse = Zeros({1, 2});
  LaunchCrossEntropy(queue, logits.View(), targets.View(), loss.View(), lse.View(), 1);
  EXPECT_TRUE(std::isnan(loss.Doubles()[0]));
  Array dlogits = Zeros(logits.shape);
  LaunchCrossEntropyGrad(queue, logits.View(), targets.View(), lse.View(), dlogits.View(), 1);
  EXPECT_TRUE(std::isnan(dlogits.Floats()[0]));
  EXPECT_FALSE(std::isnan(dlogits.Floats()[40]));
}

}  // namespace
}  // namespace pprun::kernels
