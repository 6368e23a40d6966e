#include "runtime/learning_rate.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

OptimizerSpec Optimizer(int64_t warmup, OptimizerSpec::Decay decay) {
  return {.learning_rate = 0.01, .warmup = warmup, .decay = decay, .final_learning_rate = 0.002};
}

TEST(LearningRate, WarmsUpLinearlyFromItsFirstShare) {
  const OptimizerSpec optimizer = Optimizer(4, OptimizerSpec::Decay::kConstant);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 0, 10), 0.0025);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 1, 10), 0.005);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 3, 10), 0.01);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 9, 10), 0.01);
}

TEST(LearningRate, IsConstantWithoutWarmup) {
  const OptimizerSpec optimizer = Optimizer(0, OptimizerSpec::Decay::kConstant);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 0, 10), 0.01);
}

TEST(LearningRate, CosineGoesFromThePeakThroughTheMiddleToTheFinalRate) {
  const OptimizerSpec optimizer = Optimizer(2, OptimizerSpec::Decay::kCosine);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 0, 11), 0.005);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 2, 11), 0.01);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 6, 11), 0.006);
  // cos(pi / 4) above the middle.
  EXPECT_NEAR(LearningRate(optimizer, 4, 11), 0.006 + 0.004 * 0.70710678118654752, 1e-15);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 10, 11), 0.002);
}

TEST(LearningRate, CosineWithoutRoomStaysAtThePeak) {
  const OptimizerSpec optimizer = Optimizer(2, OptimizerSpec::Decay::kCosine);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 2, 3), 0.01);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 2, 2), 0.01);
}

TEST(LearningRate, StaysFinalBeyondThePlansSteps) {
  const OptimizerSpec optimizer = Optimizer(2, OptimizerSpec::Decay::kCosine);
  EXPECT_DOUBLE_EQ(LearningRate(optimizer, 500, 11), 0.002);
}

}  // namespace
}  // namespace pprun
