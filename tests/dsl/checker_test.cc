// What a checked program holds: values, defaults, widths, stages.
#include <gtest/gtest.h>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

CheckedProgram Good(const std::string& text, const std::vector<Override>& overrides = {}) {
  Checked checked = CheckText(text, overrides);
  EXPECT_TRUE(checked.program.has_value()) << checked.Messages();
  return checked.program.value_or(CheckedProgram{});
}

CheckedProgram Study(const std::string& text) { return Good(text + " schedule gpipe;"); }

TEST(CheckerTest, TheWholePlan) {
  const CheckedProgram program = Good(kWholePlan);
  EXPECT_EQ(program.AxisSize("pp"), 4);
  EXPECT_EQ(program.AxisSize("dp"), 2);
  EXPECT_EQ(program.AxisSize("tp"), 1);
  ASSERT_EQ(program.model->layers.size(), 3u);
  EXPECT_EQ(program.model->vocabulary, 256);
  EXPECT_TRUE(program.model->has_loss);
  const CheckedLayer& block = program.model->layers[1];
  EXPECT_EQ(block.repeat, 8);
  EXPECT_TRUE(block.indexed);
  EXPECT_FALSE(program.model->layers[0].indexed);
  const CheckedOperation& attention = block.operations[0].body[1];
  EXPECT_EQ(attention.label, "attn");
  EXPECT_EQ(attention.heads, 8);
  EXPECT_EQ(attention.kv_heads, 8);
  EXPECT_TRUE(attention.bias);
  const CheckedOperation& up = block.operations[1].body[1];
  EXPECT_EQ(up.width_in, 512);
  EXPECT_EQ(up.width_out, 2048);
  EXPECT_EQ(up.split, "column");
  EXPECT_FALSE(program.model->layers[2].operations[1].bias);
  EXPECT_EQ(program.stages.balance, Balance::kFlops);
  EXPECT_TRUE(program.stages.stages.empty());

  const CheckedTrain& train = program.train.value();
  EXPECT_EQ(train.data.kind, DataSource::Kind::kBytes);
  EXPECT_EQ(train.data.path, "corpus.txt");
  EXPECT_EQ(train.batch, 64);
  EXPECT_EQ(train.microbatches, 8);
  EXPECT_EQ(program.microbatches, 8);
  EXPECT_EQ(train.optimizer.kind, CheckedOptimizer::Kind::kAdamW);
  EXPECT_DOUBLE_EQ(train.optimizer.lr, 3e-4);
  EXPECT_DOUBLE_EQ(train.optimizer.beta2, 0.95);
  EXPECT_EQ(train.optimizer.warmup, 50);
  EXPECT_EQ(train.validation->path, "held_out.txt");
  EXPECT_EQ(program.gradients.kind, CheckedGradients::Kind::kDdp);
  EXPECT_EQ(program.gradients.bucket_bytes, 25 << 20);
  EXPECT_TRUE(program.gradients.overlap);
  EXPECT_EQ(program.schedule.name, "one_f_one_b");
  EXPECT_EQ(program.program.schedules[static_cast<size_t>(program.schedule.definition)].name.text,
            "one_f_one_b");
}

TEST(CheckerTest, TheLlamaBlock) {
  const CheckedProgram program = Good(R"(
mesh { pp = 1; }
model llama {
  let width = 64;
  layer embed { embedding(vocab = 100, width = width); }
  layer block repeat 2 {
    residual { rms_norm(epsilon = 1e-6); attention(8, kv_heads = 2, rope = 10000, bias = false); }
    residual { rms_norm; swiglu(128); linear(width, bias = false); dropout(0.1); }
  }
  layer head { rms_norm; linear(100, bias = false, tied = embed); cross_entropy; }
})");
  const CheckedLayer& block = program.model->layers[1];
  const CheckedOperation& attention = block.operations[0].body[1];
  EXPECT_EQ(attention.kv_heads, 2);
  EXPECT_DOUBLE_EQ(attention.rope_theta, 10000);
  EXPECT_FALSE(attention.bias);
  EXPECT_DOUBLE_EQ(block.operations[0].body[0].epsilon, 1e-6);
  const CheckedOperation& swiglu = block.operations[1].body[1];
  EXPECT_EQ(swiglu.hidden, 128);
  EXPECT_EQ(swiglu.width_in, 64);
  EXPECT_EQ(swiglu.width_out, 128);
  EXPECT_DOUBLE_EQ(block.operations[1].body[3].probability, 0.1);
  EXPECT_EQ(program.model->layers[2].operations[1].tied, "embed");
  EXPECT_FALSE(program.train.has_value());
}

TEST(CheckerTest, LabelsAreUniqueInALayer) {
  const CheckedProgram program = Good(R"(
model m {
  layer a { embedding(8, 8); linear(8); linear(8) as "linear1"; residual { linear(8); gelu; }
            gelu(tanh); gelu(approximate = none); }
})");
  const std::vector<CheckedOperation>& ops = program.model->layers[0].operations;
  EXPECT_EQ(ops[1].label, "linear");
  EXPECT_EQ(ops[2].label, "linear1");
  EXPECT_EQ(ops[3].label, "residual");
  EXPECT_EQ(ops[3].body[0].label, "linear2");
  EXPECT_EQ(ops[4].label, "gelu1");
  EXPECT_EQ(ops[4].kind, LayerOpKind::kGeluTanh);
  EXPECT_EQ(ops[5].kind, LayerOpKind::kGelu);
}

TEST(CheckerTest, AxesNotWrittenHaveSizeOne) {
  const CheckedProgram program = Good("mesh { dp = 2; } schedule gpipe;");
  ASSERT_EQ(program.mesh.size(), 2u);
  EXPECT_EQ(program.mesh[0].name, "pp");
  EXPECT_EQ(program.mesh[0].size, 1);
  EXPECT_EQ(program.mesh[1].name, "dp");
  const CheckedProgram order = Good("mesh { dp = 2; fsdp = 1; pp = 3; } schedule gpipe;");
  EXPECT_EQ(order.mesh[0].name, "dp");
  EXPECT_EQ(order.mesh[1].name, "fsdp");
  EXPECT_EQ(order.mesh[2].name, "pp");
}

TEST(CheckerTest, LetsAndAxesAreSeenByWhatFollows) {
  const CheckedProgram program =
      Good(std::string("let ranks = 2; mesh { pp = ranks; dp = 2 * pp; }") + kSmallModel + R"(
train { data = synthetic(seed = 3); sequence = 4; batch = 8 * dp; microbatches = 2 * pp; steps = 1;
        optimizer = sgd(0.1, momentum = 0.9); }
)");
  EXPECT_EQ(program.AxisSize("dp"), 4);
  EXPECT_EQ(program.train->batch, 32);
  EXPECT_EQ(program.train->microbatches, 4);
  EXPECT_EQ(program.train->data.seed, 3);
  EXPECT_DOUBLE_EQ(program.train->optimizer.momentum, 0.9);
}

TEST(CheckerTest, ExplicitStages) {
  const CheckedProgram program = Good(std::string("mesh { pp = 3; }") + kSmallModel +
                                      "stages { embed block[0] | block[1 .. 3] | block[3] head }");
  ASSERT_EQ(program.stages.stages.size(), 3u);
  EXPECT_EQ(program.stages.stages[0].size(), 2u);
  EXPECT_EQ(program.stages.stages[1][1].layer, 1);
  EXPECT_EQ(program.stages.stages[1][1].index, 2);
  EXPECT_EQ(program.stages.stages[2][1].layer, 2);
}

TEST(CheckerTest, ModelsTakeParameters) {
  const std::string models = R"(
model tiny(depth = 2, width = 4 * depth) {
  layer e { embedding(8, width); } layer b repeat depth { relu; }
}
model other { layer e { embedding(8, 1); } }
)";
  EXPECT_EQ(Good(models + "model tiny(depth = 3);").model->layers[1].repeat, 3);
  EXPECT_EQ(Good(models + "model tiny(3);").model->layers[0].operations[0].width_out, 12);
  EXPECT_EQ(Good(models + "model other;").model->name, "other");
}

TEST(CheckerTest, SchedulesTakeParameters) {
  const std::string text =
      "mesh { pp = 4; }\n"
      "schedule own(lag = pp, rate = 0.5, eager = lag > 2) { order on rank r { forward(0); } }\n";
  const auto parameters = Good(text + "schedule own(rate = 2.5);").schedule.parameters;
  ASSERT_EQ(parameters.size(), 3u);
  EXPECT_EQ(std::get<int64_t>(parameters[0].second), 4);
  EXPECT_DOUBLE_EQ(std::get<double>(parameters[1].second), 2.5);
  EXPECT_TRUE(std::get<bool>(parameters[2].second));
  EXPECT_EQ(Good(text).schedule.name, "own") << "the only one defined is meant";
}

TEST(CheckerTest, TrainSettings) {
  const CheckedProgram program = Good(std::string("mesh { }") + kSmallModel + R"(
train {
  data = tokens("/data/train.bin", u16); validation = tokens("val.bin", u32);
  sequence = 4; batch = 2; steps = 10; seed = 9;
  optimizer = adam(lr = 1e-3, betas = (0, 0.9), epsilon = 1e-6, decay = cosine, final_lr = 1e-4);
  names = huggingface(gpt2); precision = bf16;
})");
  const CheckedTrain& train = program.train.value();
  EXPECT_EQ(train.data.kind, DataSource::Kind::kTokensU16);
  EXPECT_EQ(train.data.path, "/data/train.bin");
  EXPECT_EQ(train.validation->kind, DataSource::Kind::kTokensU32);
  EXPECT_EQ(train.validate_every, 100);
  EXPECT_EQ(train.validate_batches, 8);
  EXPECT_EQ(train.microbatches, 1);
  EXPECT_EQ(train.seed, 9u);
  EXPECT_EQ(train.optimizer.kind, CheckedOptimizer::Kind::kAdam);
  EXPECT_DOUBLE_EQ(train.optimizer.beta1, 0);
  EXPECT_EQ(train.optimizer.decay, CheckedOptimizer::Decay::kCosine);
  EXPECT_DOUBLE_EQ(train.optimizer.final_lr, 1e-4);
  EXPECT_EQ(train.names, "huggingface(gpt2)");
  EXPECT_EQ(train.precision, CheckedTrain::Precision::kBf16);
}

TEST(CheckerTest, DataIsFoundBesideThePlan) {
  const Checked checked = CheckText(kWholePlan, {}, {}, "plans/gpt/plan.sched");
  ASSERT_TRUE(checked.program.has_value()) << checked.Messages();
  EXPECT_EQ(checked.program->train->data.path, "plans/gpt/corpus.txt");
  const Checked moved =
      CheckText(kWholePlan, {{"data", "bytes(\"other.txt\")"}}, {}, "plans/plan.sched");
  ASSERT_TRUE(moved.program.has_value()) << moved.Messages();
  EXPECT_EQ(moved.program->train->data.path, "other.txt") << "on the command line: from here";
}

TEST(CheckerTest, GradientsDefaultAndKinds) {
  EXPECT_EQ(Study("mesh { }").gradients.kind, CheckedGradients::Kind::kFlat);
  EXPECT_EQ(Study("gradients naive;").gradients.kind, CheckedGradients::Kind::kNaive);
  const CheckedGradients ddp = Study("gradients ddp(64 KiB, false);").gradients;
  EXPECT_EQ(ddp.bucket_bytes, 65536);
  EXPECT_FALSE(ddp.overlap);
}

TEST(CheckerTest, TransfersDefaultAndChoices) {
  EXPECT_EQ(Study("mesh { }").transfers, TransferQueues::kPerPeer);
  EXPECT_EQ(Study("transfers queue_per_peer;").transfers, TransferQueues::kPerPeer);
  EXPECT_EQ(Study("transfers queue_per_rank;").transfers, TransferQueues::kPerRank);
  EXPECT_EQ(Study("transfers queue_per_flow();").transfers, TransferQueues::kPerFlow);
}

}  // namespace
}  // namespace pprun
