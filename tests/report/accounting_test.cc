// Against the figures that are published, or follow from the published example by hand.
#include "compiler/report/accounting.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

TEST(PipelineTime, OfFourStages) {
  EXPECT_EQ(PipelineTime(4, 8, 2, 4), 66);
  EXPECT_EQ(IdealPipelineTime(8, 2, 4), 48);
  EXPECT_EQ(PipelineTime(4, 8, 2, 4) / IdealPipelineTime(8, 2, 4), 1.375);
  EXPECT_NEAR(PipelineBubble(4, 8), 0.2727, 5e-5);
  EXPECT_EQ(PipelineTime(4, 16, 2, 4), 114);
  EXPECT_EQ(IdealPipelineTime(16, 2, 4), 96);
  EXPECT_EQ(PipelineTime(4, 16, 2, 4) / IdealPipelineTime(16, 2, 4), 1.1875);
}

// B = 8, S = 128, d = 1024, 4d = 4096, P = 4.
TEST(ShardOfLinear, OfAFeedForward) {
  constexpr int64_t kTokens = 8 * 128;
  const LinearShard up = ShardOfLinear(LinearSplit::kColumns, kTokens, 1024, 4096, 4);
  EXPECT_EQ(up.weight, 1024 * 1024);
  EXPECT_EQ(up.input, 8 * 128 * 1024);
  EXPECT_EQ(up.output, 8 * 128 * 1024);
  EXPECT_EQ(up.forward_all_reduce, 0);
  EXPECT_EQ(up.backward_all_reduce, 1048576);
  const LinearShard down = ShardOfLinear(LinearSplit::kRows, kTokens, 4096, 1024, 4);
  EXPECT_EQ(down.weight, 1024 * 1024);
  EXPECT_EQ(down.input, up.output);
  EXPECT_EQ(down.output, 8 * 128 * 1024);
  EXPECT_EQ(down.forward_all_reduce, 1048576);
  EXPECT_EQ(down.backward_all_reduce, 0);
  const LinearShard whole = ShardOfLinear(LinearSplit::kRows, kTokens, 4096, 1024, 1);
  EXPECT_EQ(whole.weight, 4 * down.weight);
  EXPECT_EQ(whole.forward_all_reduce, 0);
}

// 7.5 G parameters on 64 ranks: 120, 31.4, 16.6, 1.9 GB.
TEST(ZeroBytes, OfSevenAndAHalfBillionParameters) {
  constexpr double kGiga = 1e9;
  EXPECT_NEAR(ZeroBytes(0, 7.5 * kGiga, 64) / kGiga, 120, 0.05);
  EXPECT_NEAR(ZeroBytes(1, 7.5 * kGiga, 64) / kGiga, 31.4, 0.05);
  EXPECT_NEAR(ZeroBytes(2, 7.5 * kGiga, 64) / kGiga, 16.6, 0.05);
  EXPECT_NEAR(ZeroBytes(3, 7.5 * kGiga, 64) / kGiga, 1.9, 0.05);
}

TEST(ZeroTraffic, IsAFunctionOfTheMicrobatches) {
  const auto last = ReducePolicy::kLast, each = ReducePolicy::kEachMicrobatch;
  const auto forward = ReshardPolicy::kAfterForward, step = ReshardPolicy::kAfterStep;
  for (const int stage : {0, 1, 2}) EXPECT_EQ(ZeroTraffic(stage, 1, 1, last, forward), 2);
  EXPECT_EQ(ZeroTraffic(3, 1, 1, last, forward), 3);
  EXPECT_EQ(ZeroTraffic(0, 1, 8, each, forward), 16);
  EXPECT_EQ(ZeroTraffic(2, 1, 8, each, forward), 9);
  EXPECT_EQ(ZeroTraffic(3, 1, 8, last, forward), 17);
  EXPECT_EQ(ZeroTraffic(3, 1, 8, each, forward), 24);
  EXPECT_EQ(ZeroTraffic(3, 1, 8, last, step), 2);
  EXPECT_EQ(ZeroTraffic(3, 1, 8, last, ReshardPolicy::kNever), 2);
}

TEST(BestBucketCount, IsWhereTheExposedTimeIsLeast) {
  constexpr double kBytes = 1e9, kBandwidth = 1e10, kOverhead = 1e-5;
  const double best = BestBucketCount(kBytes, kBandwidth, kOverhead);
  EXPECT_NEAR(best, 100, 1e-9);
  EXPECT_NEAR(BestBucketBytes(kBytes, kBandwidth, kOverhead), kBytes / best, 1e-3);
  const double least = ExposedBucketTime(best, kBytes, kBandwidth, kOverhead);
  EXPECT_NEAR(least, 2e-3, 1e-12);
  for (const double n : {1.0, 50.0, 99.0, 101.0, 200.0}) {
    EXPECT_GT(ExposedBucketTime(n, kBytes, kBandwidth, kOverhead), least);
  }
}

// GPT-3's layer: s = 2048, b = 1, h = 12288, a = 96; 5as/h = 80.
TEST(ActivationBytes, OfALayerOfGpt3) {
  const TransformerShape shape{.samples = 1, .sequence = 2048, .width = 12288, .heads = 96};
  constexpr double kSbh = 2048.0 * 12288;
  using Policy = ActivationPolicy;
  EXPECT_DOUBLE_EQ(ActivationBytes(Policy::kTensorParallel, shape, 1), kSbh * 114);
  EXPECT_DOUBLE_EQ(ActivationBytes(Policy::kTensorParallel, shape, 8), kSbh * (10 + 3 + 10));
  EXPECT_DOUBLE_EQ(ActivationBytes(Policy::kTensorAndSequenceParallel, shape, 8), kSbh * 14.25);
  EXPECT_DOUBLE_EQ(ActivationBytes(Policy::kSelectiveRecompute, shape, 8), kSbh * 4.25);
  EXPECT_DOUBLE_EQ(ActivationBytes(Policy::kFullRecompute, shape, 8), kSbh * 2);
}

// Narayanan et al. 2021: GPT-3, 96 layers of 12288, s = 2048, V = 51200: 174.6 G parameters.
TEST(GptParameters, OfGpt3) {
  const GptShape shape{.layers = 96, .width = 12288, .sequence = 2048, .vocabulary = 51200};
  EXPECT_NEAR(GptParameters(shape) / 1e9, 174.6, 0.05);
  // The formula, multiplied out: 96 B s l h^2 + 16 B s^2 l h + 6 B s h V.
  const double expected =
      1536.0 * 2048 * (96 * 96 * 12288.0 * 12288 + 16 * 2048 * 96 * 12288.0 + 6 * 12288.0 * 51200);
  EXPECT_NEAR(GptFlops(shape, 1536, Recompute::kFull) / expected, 1, 1e-12);
  const double model =
      1536.0 * 2048 * (72 * 96 * 12288.0 * 12288 + 12 * 2048 * 96 * 12288.0 + 6 * 12288.0 * 51200);
  EXPECT_NEAR(GptFlops(shape, 1536, Recompute::kNone) / model, 1, 1e-12);
}

// d_model 16384, d_ff 53248, 126 blocks of two linears, on TPU v5p.
TEST(FsdpTensorTokens, OfTheScalingBooksLargestModel) {
  const LinearShard linear = ShardOfLinear(LinearSplit::kRows, 1, 53248, 16384, 1);
  const double parameters = static_cast<double>(126 * 2 * linear.weight);
  EXPECT_NEAR(parameters / 1e9, 219.8, 0.05);
  const StateBytes fp32{.parameter = 4, .gradient = 4, .optimizer = 8};
  EXPECT_NEAR(ZeroBytes(0, parameters, 1, fp32) / 1e12, 3.52, 0.005);
  EXPECT_NEAR(FsdpTensorTokens(4.6e14, 1.8e11, 2, 1, 53248), 245, 0.5);
  EXPECT_NEAR(DataParallelTokens(4.6e14, 1.8e11, 1), 2556, 0.5);
  EXPECT_NEAR(DataParallelTokens(4.6e14, 1.8e11, 3), 852, 0.5);
  EXPECT_NEAR(TensorDegreeLimit(4.6e14, 1.8e11, 1, 53248), 20.84, 0.005);
}

}  // namespace
}  // namespace pprun
