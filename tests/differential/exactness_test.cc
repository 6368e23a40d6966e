// Every mesh and schedule computes what one rank computes: bit for bit where only the pipeline or
// the schedule differs, to rounding where a sum is split over replicas.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/differential/train.h"
#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

struct Case {
  int pp = 1;
  int dp = 1;
  int microbatches = 1;
  std::string schedule = "one_f_one_b";
  std::string gradients = "flat";
  std::string optimizer = "adamw(lr = 3e-3, weight_decay = 0.1, warmup = 5, clip = 0.5)";
  std::string precision = "fp32";
};

// 24 samples of 12 tokens whatever the case, with dropout.
Trained TrainCase(const Case& c) {
  const std::string text =
      "mesh { pp = " + std::to_string(c.pp) + "; dp = " + std::to_string(c.dp) +
      "; }\n"
      "model gpt {\n"
      "  layer embed { embedding(61, 24); positions(12); dropout(0.1); }\n"
      "  layer block repeat 3 {\n"
      "    residual { layer_norm; attention(3) as \"attn\"; dropout(0.1); }\n"
      "    residual { layer_norm; linear(96); gelu; linear(24); dropout(0.1); }\n"
      "  }\n"
      "  layer head { layer_norm; linear(61, bias = false); cross_entropy; }\n}\n"
      "train { data = synthetic(seed = 3); sequence = 12; batch = 24; microbatches = " +
      std::to_string(c.microbatches) + "; steps = 20; seed = 7; precision = " + c.precision +
      "; optimizer = " + c.optimizer +
      ";\n  validation = synthetic(seed = 4); validate_every = 20; validate_batches = 1; }\n"
      "schedule " +
      c.schedule + ";\ngradients " + c.gradients + ";\n";
  CompiledText compiled = CompileText(text);
  return compiled.result.plan ? Train(*compiled.result.plan) : Trained{};
}

void ExpectSameBits(const Trained& a, const Trained& b) {
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.gradient_norms, b.gradient_norms);
  EXPECT_EQ(a.validation, b.validation);
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (const auto& [name, values] : a.weights) EXPECT_EQ(values, b.weights.at(name)) << name;
}

double RelativeNorm(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2);
    norm += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(difference / std::max(norm, 1e-30));
}

class PipelineTest : public testing::TestWithParam<int> {};

TEST_P(PipelineTest, EveryDepthAndScheduleHasTheBitsOfOneRank) {
  const int microbatches = GetParam();
  const Trained one = TrainCase({.microbatches = microbatches});
  ASSERT_EQ(one.losses.size(), 20u);
  EXPECT_LT(one.losses.back(), one.losses.front());
  for (int pp : {1, 2, 3, 4}) {
    for (const char* schedule : {"gpipe", "one_f_one_b"}) {
      SCOPED_TRACE("pp " + std::to_string(pp) + ", " + schedule);
      ExpectSameBits(TrainCase({.pp = pp, .microbatches = microbatches, .schedule = schedule}),
                     one);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Microbatches, PipelineTest, testing::Values(1, 3, 8));

class ReplicaTest : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(ReplicaTest, EveryGradientPolicyHasTheSameBitsAndOneRanksValues) {
  const auto [pp, dp] = GetParam();
  const std::string sgd = "sgd(lr = 0.05, momentum = 0.9, clip = 0.5)";
  const Trained one = TrainCase({.microbatches = 3, .optimizer = sgd});
  const Trained naive =
      TrainCase({.pp = pp, .dp = dp, .microbatches = 3, .gradients = "naive", .optimizer = sgd});
  for (const char* gradients :
       {"flat", "ddp(bucket = 1 KiB, overlap = true)", "ddp(bucket = 16 KiB, overlap = true)",
        "ddp(bucket = 1 MiB, overlap = true)", "ddp(bucket = 1 KiB, overlap = false)",
        "ddp(bucket = 16 KiB, overlap = false)", "ddp(bucket = 1 MiB, overlap = false)"}) {
    SCOPED_TRACE(gradients);
    ExpectSameBits(
        TrainCase(
            {.pp = pp, .dp = dp, .microbatches = 3, .gradients = gradients, .optimizer = sgd}),
        naive);
  }
  ASSERT_EQ(naive.losses.size(), one.losses.size());
  for (size_t step = 0; step < one.losses.size(); ++step) {
    EXPECT_NEAR(naive.losses[step] / one.losses[step], 1, 1e-5) << "step " << step;
  }
  for (const auto& [name, values] : one.weights) {
    EXPECT_LT(RelativeNorm(naive.weights.at(name), values), 1e-5) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, ReplicaTest,
                         testing::Combine(testing::Values(1, 2), testing::Values(2, 4)));

// Rounding is part of what an operation computes, so bf16 is as exact between schedules; and 20
// steps of it stay as near to fp32 as its eight bits let them.
TEST(PrecisionTest, Bfloat16HasTheBitsOfOneRankAndTheLossesOfFp32) {
  const Trained exact = TrainCase({.microbatches = 3});
  const Trained one = TrainCase({.microbatches = 3, .precision = "bf16"});
  ASSERT_EQ(one.losses.size(), 20u);
  EXPECT_NE(one.losses, exact.losses);
  for (size_t step = 0; step < 20; ++step) {
    EXPECT_NEAR(one.losses[step] / exact.losses[step], 1, 2e-3) << "step " << step;
  }
  for (int pp : {2, 3, 4}) {
    for (const char* schedule : {"gpipe", "one_f_one_b", "zero_bubble_h1"}) {
      SCOPED_TRACE("pp " + std::to_string(pp) + ", " + schedule);
      const Trained trained =
          TrainCase({.pp = pp, .microbatches = 3, .schedule = schedule, .precision = "bf16"});
      ExpectSameBits(trained, one);
    }
  }
}

TEST(PrecisionTest, Bfloat16AddsGradientsOfReplicasInFp32) {
  const std::string sgd = "sgd(lr = 0.05, momentum = 0.9, clip = 0.5)";
  const Trained one = TrainCase({.microbatches = 3, .optimizer = sgd, .precision = "bf16"});
  const Trained two =
      TrainCase({.pp = 2, .dp = 2, .microbatches = 3, .optimizer = sgd, .precision = "bf16"});
  ASSERT_EQ(two.losses.size(), one.losses.size());
  for (size_t step = 0; step < one.losses.size(); ++step) {
    EXPECT_NEAR(two.losses[step] / one.losses[step], 1, 1e-3) << "step " << step;
  }
}

// The halves of a backward are the same work, so a schedule that splits it changes no bit.
TEST(ScheduleTest, ASplitBackwardHasTheSameBits) {
  const Trained one = TrainCase({.microbatches = 4});
  const std::string zero_bubble =
      "zb;\nschedule zb { order on rank r {\n"
      "  let warmup = min(microbatches, pp - 1 - r);\n"
      "  for i in 0 .. warmup { forward(i); }\n"
      "  for k in 0 .. microbatches {\n"
      "    if warmup + k < microbatches { forward(warmup + k); }\n"
      "    input_grad(k);\n"
      "    if k >= r { weight_grad(k - r); }\n"
      "  }\n"
      "  for k in max(0, microbatches - r) .. microbatches { weight_grad(k); }\n"
      "} }\n"
      "recompute none";
  for (int pp : {1, 2, 3}) {
    SCOPED_TRACE(pp);
    ExpectSameBits(TrainCase({.pp = pp, .microbatches = 4, .schedule = zero_bubble}), one);
  }
}

}  // namespace
}  // namespace pprun
