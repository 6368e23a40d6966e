// Explanations of a compiled model, whose counts follow from its shape.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>

#include "compiler/compile.h"
#include "compiler/report/accounting.h"
#include "compiler/report/explain.h"

namespace pprun {
namespace {

// pp = 2, dp = 2; s = 32, h = 64, a = 4, V = 128; a microbatch of 4 samples on a replica.
constexpr const char* kModel = R"(mesh { pp = 2; dp = 2; }
model gpt {
  layer embed { embedding(128, 64); positions(32); }
  layer block repeat 4 {
    residual { layer_norm; attention(4) as "attn"; }
    residual { layer_norm; linear(256) as "up"; gelu(tanh); linear(64) as "down"; }
  }
  layer head { layer_norm; linear(128, bias = false); cross_entropy; }
}
stages { embed block[0..2] | block[2..4] head }
train {
  data = synthetic(seed = 1);
  sequence = 32; batch = 32; microbatches = 4; steps = 10; seed = 1;
  optimizer = adamw(lr = 1e-3);
}
schedule one_f_one_b;
gradients ddp(bucket = 64 KiB, overlap = true);
)";

Plan Compiled() {
  const std::string path =
      ::testing::TempDir() + "/explain_model_" + std::to_string(getpid()) + ".sched";
  std::ofstream(path) << kModel;
  Compilation result = Compile(path, {});
  std::remove(path.c_str());
  EXPECT_TRUE(result.Ok()) << result.Messages();
  return std::move(*result.plan);
}

TEST(ExplainModel, CountsWhatTheModelSays) {
  const Plan plan = Compiled();
  const Explanation one = Explain(plan, {.model = MachineNamed("h100"), .machine = {}});
  EXPECT_EQ(one.unit, Explanation::Unit::kSeconds);
  EXPECT_EQ(one.machine, "h100");

  // Products of 12 h^2 a block and h V for the head; causal attention is half of two products each
  // way.
  const double weights = 4 * 12 * 64 * 64 + 64 * 128, tokens = 32 * 32;
  EXPECT_EQ(one.flops.weights, weights);
  EXPECT_EQ(one.flops.tokens, tokens);
  EXPECT_EQ(one.flops.textbook, 6 * weights * tokens);
  EXPECT_EQ(one.flops.model, 6 * weights * tokens + 4 * (3 * 2 * 32 * 32.0 * 32 * 64));
  EXPECT_EQ(one.flops.hardware, one.flops.model);
  EXPECT_GT(one.figures.step, one.figures.makespan);
  ASSERT_TRUE(one.flops.model_utilisation);
  EXPECT_NEAR(*one.flops.model_utilisation, one.flops.model / (67e12 * 4 * one.figures.step),
              1e-15);

  // fp32 with AdamW: 16 bytes a parameter, and what aligns them.
  EXPECT_GE(one.memory.bytes_a_parameter, 16);
  EXPECT_LT(one.memory.bytes_a_parameter, 16.1);
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    EXPECT_EQ(one.memory.arenas[p], plan.positions[p].arena_bytes);
  }

  double sums = 0, messages = 0;
  for (const TrafficExplanation& row : one.traffic) {
    if (row.kind == TrafficExplanation::Kind::kMessages) {
      messages += static_cast<double>(row.count);
      EXPECT_EQ(row.bytes, 4 * 4 * 32 * 64 * 4);
      EXPECT_EQ(row.link, "nvlink");
    } else {
      EXPECT_EQ(row.sent_bytes, row.bytes);  // 2 (n-1)/n with n = 2
      sums += row.bytes;
    }
  }
  EXPECT_EQ(messages, 2 * 4);
  int64_t gradients = 0;
  for (const Position& position : plan.positions) {
    gradients += position.arena_bytes[static_cast<size_t>(ArenaKind::kGradients)];
  }
  EXPECT_EQ(sums, static_cast<double>(gradients));
  ASSERT_TRUE(one.buckets);
  ASSERT_TRUE(one.compute_bound);
  EXPECT_EQ(one.compute_bound->tokens, tokens / 2);
}

TEST(ExplainModel, SaysWhatABlockKeeps) {
  const Explanation one = Explain(Compiled(), {.model = CostTable{}, .machine = {}});
  ASSERT_EQ(one.activations.size(), 3u);
  const ActivationExplanation& block = one.activations[1];
  EXPECT_EQ(block.layer, "block");
  EXPECT_EQ(block.layers, 4);
  ASSERT_TRUE(block.transformer);
  const TransformerShape shape{.samples = 4, .sequence = 32, .width = 64, .heads = 4};
  EXPECT_EQ(block.transformer->with_scores,
            2 * ActivationBytes(ActivationPolicy::kTensorParallel, shape, 1));
  EXPECT_EQ(block.transformer->without_scores, 2.0 * 34 * 4 * 32 * 64);
  // Every byte of the frames is a value that is named, up to alignment.
  int64_t named = 0;
  for (const auto& stored : block.stored) named += stored.bytes;
  EXPECT_LE(named, block.until_input_grad + block.until_weight_grad);
  EXPECT_GE(named + 64 * static_cast<int64_t>(block.stored.size()),
            block.until_input_grad + block.until_weight_grad);
  EXPECT_EQ(block.input, 4 * 32 * 64 * 4);
  // Nothing of the size of the scores, a s^2 for each sample, is kept.
  EXPECT_LT(block.transformer->coefficient, 34);
  EXPECT_FALSE(one.flops.model_utilisation);
  EXPECT_FALSE(one.buckets);
}

}  // namespace
}  // namespace pprun
