// What the checker rejects: one error a mistake, at its place, with a note that helps. The golden
// cases in tests/golden/errors show the same as a user sees it.
#include <gtest/gtest.h>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

// "line:column message (note)" of each error.
std::string Errors(const std::string& text, const Limits& limits = {}) {
  const Checked checked = CheckText(text, {}, limits);
  EXPECT_EQ(checked.program.has_value(), !checked.diagnostics.HasErrors());
  std::string all;
  for (const Diagnostic& diagnostic : checked.diagnostics.all()) {
    if (diagnostic.severity == Diagnostic::Severity::kWarning) continue;
    const LineColumn at = checked.files.Position(diagnostic.location);
    all += std::to_string(at.line) + ":" + std::to_string(at.column) + " " + diagnostic.message;
    for (const DiagnosticNote& note : diagnostic.notes) all += " (" + note.message + ")";
    all += "\n";
  }
  return all;
}

std::string LayerErrors(const std::string& operations) {
  return Errors("model m { let width = 8; layer a { embedding(16, width); }\nlayer b repeat 2 { " +
                operations + " }\nlayer c { linear(16); cross_entropy; } }");
}

// On line 2.
std::string TrainErrors(const std::string& settings, const std::string& mesh = "mesh { }") {
  std::string model = kSmallModel;
  for (char& c : model) c = c == '\n' ? ' ' : c;
  return Errors(mesh + model + "\ntrain { " + settings + " }");
}

constexpr const char* kNeeded =
    "data = synthetic(1); sequence = 4; steps = 1; optimizer = sgd(0.1); ";

TEST(CheckerErrorsTest, Mesh) {
  EXPECT_EQ(Errors("mesh { pp = 0; }"), "1:13 `pp` is 0: it must be at least 1\n");
  EXPECT_EQ(Errors("mesh { qp = 2; }"), "1:8 the mesh has no axis `qp` (did you mean `pp`?)\n");
  EXPECT_EQ(Errors("mesh { pp = 2; pp = 3; }"), "1:16 `pp` is set twice (it is first set here)\n");
  EXPECT_EQ(Errors("mesh { tp = 2; }"), "1:8 the axis `tp` is not supported yet beyond size 1\n");
  EXPECT_EQ(Errors("mesh { pp = 1.5; }"), "1:13 `pp` is a float, not an integer\n");
  EXPECT_EQ(Errors("mesh { sequence_parallel = true; }"),
            "1:8 `sequence_parallel` is not supported yet\n");
  EXPECT_EQ(Errors("mesh { pp = 1024; dp = 1025; }"),
            "1:19 the mesh has more ranks than the limit `ranks`, 1048576\n");
}

TEST(CheckerErrorsTest, NamesAndLets) {
  EXPECT_EQ(Errors("let widht = 3; let x = width;"),
            "1:24 unknown name `width` (did you mean `widht`?)\n");
  EXPECT_EQ(Errors("let x = 1; let x = 2;"), "1:16 `x` is set twice (it is first set here)\n");
  EXPECT_EQ(Errors("let a = b; let b = 1; let c = a;"), "1:9 unknown name `b`\n")
      << "a let sees what is above it, and its error is not repeated";
}

// A model whose width and vocabulary are used by name in several places.
std::string ModelErrors(const std::string& lets, const std::string& attention = "attention(4)") {
  return Errors("model m {\n" + lets +
                "\nlayer a { embedding(vocab, width); }\nlayer b { residual { " + attention +
                "; }\nresidual { linear(4 * width); gelu; linear(width); } }\n"
                "layer c { linear(vocab); cross_entropy; } }");
}

TEST(CheckerErrorsTest, OneMistakeIsOneError) {
  EXPECT_EQ(ModelErrors("let vocab = 16; let width = 24;"), "");
  EXPECT_EQ(ModelErrors("let vocab = 16; let width = 0;"),
            "3:28 `width` is 0: it must be at least 1 (`width` is set here)\n");
  EXPECT_EQ(ModelErrors("let vocab = 16; let width = 24.5;"),
            "3:28 `width` is a float, not an integer (`width` is set here)\n");
  EXPECT_EQ(ModelErrors("let vocab = 16; let width = true;"),
            "3:28 `width` is a boolean, not an integer (`width` is set here)\n");
  EXPECT_EQ(ModelErrors("let vocab = 16; let width = 9223372036854775807 + 1;"),
            "2:29 this sum overflows 64 bits\n");
  EXPECT_EQ(ModelErrors("let vocab = 9223372036854775807; let width = 24;"),
            "3:21 `vocab` is 9223372036854775807: it must be at most 2147483647 (`vocab` is set "
            "here)\n");
  EXPECT_EQ(ModelErrors("let vocab = 16; let width = 24;", "attention(5, kv_heads = 2)"),
            "4:22 `kv_heads` is 2, which does not divide `heads` = 5 (each head of keys and values "
            "serves the same number of heads)\n");
  EXPECT_EQ(Errors("model m { layer c { linear(16); cross_entropy; } }"),
            "1:21 the first operation of a model is `embedding`, not `linear`\n");
}

TEST(CheckerErrorsTest, TwoModelsAndNoChoiceIsOneError) {
  const std::string model = " { layer a { embedding(16, 8); linear(16); cross_entropy; } }\n";
  EXPECT_EQ(Errors("model a" + model + "model b" + model + kSmallTrain),
            "2:7 several models, and none is chosen (choose one with `model NAME;`)\n");
  EXPECT_EQ(Errors("model a" + model + "model a" + model + kSmallTrain),
            "2:7 a second model `a` (the first is here)\n");
  EXPECT_EQ(
      Errors(std::string("mesh { }") + kSmallTrain),
      "2:1 `train` needs a `model`, and there is none (a study of a schedule, without a model, has "
      "only `microbatches`)\n");
}

TEST(CheckerErrorsTest, Heads) {
  EXPECT_EQ(
      Errors("model m { let heads = 7; layer a { embedding(16, 512);\n attention(heads); } }"),
      "2:2 `heads` is 7, which does not divide `width` = 512 (`heads` is set here)\n");
  EXPECT_EQ(LayerErrors("attention(4, kv_heads = 3);"),
            "2:20 `kv_heads` is 3, which does not divide `heads` = 4 (each head of keys and values "
            "serves the same number of heads)\n");
  EXPECT_EQ(LayerErrors("attention(8, rope = 100.0);"),
            "2:20 `rope` turns pairs, but a head has 1 element\n");
  EXPECT_EQ(LayerErrors("attention(0);"), "2:30 `heads` is 0: it must be at least 1\n");
}

TEST(CheckerErrorsTest, Operations) {
  EXPECT_EQ(LayerErrors("layernorm;"),
            "2:20 unknown operation `layernorm` (did you mean `layer_norm`?)\n");
  EXPECT_EQ(
      LayerErrors("linear;"),
      "2:20 `linear` needs `width` (it is written `linear(width, bias = ..., tied = ...)`)\n");
  EXPECT_EQ(LayerErrors("relu(3);"),
            "2:25 `relu` has too many arguments (it takes no arguments)\n");
  EXPECT_EQ(LayerErrors("linear(8, width = 8);"),
            "2:30 `linear` has its argument `width` given twice\n");
  EXPECT_EQ(LayerErrors("linear(bias = true, 8);"),
            "2:40 `linear` has an argument without a name after one with a name\n");
  EXPECT_EQ(LayerErrors("linear(8, baias = true);"),
            "2:30 `linear` has no argument `baias` (did you mean `bias`?)\n");
  EXPECT_EQ(LayerErrors("linear(8, bias = 1);"), "2:37 `bias` is an integer, not a boolean\n");
  EXPECT_EQ(LayerErrors("gelu(tan);"),
            "2:25 `approximate` has no choice `tan` (did you mean `tanh`?)\n");
  EXPECT_EQ(LayerErrors("dropout(1.5);"), "2:28 `p` is 1.5: it must be at most 1.0\n");
  EXPECT_EQ(LayerErrors("relu as \"a b\";"),
            "2:28 a label consists of 1 to 64 letters, digits and `_`\n");
  EXPECT_EQ(LayerErrors("relu as \"a\"; gelu as \"a\";"),
            "2:33 the label `a` is used twice in this layer\n");
  EXPECT_EQ(LayerErrors("linear(8) split rows;"),
            "2:36 unknown split `rows` (did you mean `row`?)\n");
  EXPECT_EQ(LayerErrors("relu { gelu; }"), "2:20 `relu` has no body: only `residual` has one\n");
  EXPECT_EQ(LayerErrors("residual;"), "2:20 a `residual` needs operations in braces\n");
}

TEST(CheckerErrorsTest, Widths) {
  EXPECT_EQ(
      LayerErrors("residual { linear(9); }"),
      "2:20 this `residual` takes width 8, but its body gives width 9: they are added, so they "
      "must be equal\n");
  EXPECT_EQ(LayerErrors("linear(9);"),
            "2:7 the layer `b` is repeated, but takes width 8 and gives width 9\n");
  EXPECT_EQ(LayerErrors("cross_entropy;").substr(0, 60),
            "2:20 `cross_entropy` needs a score for each of 16 tokens, bu");
  EXPECT_EQ(LayerErrors("embedding(16, 8);"),
            "2:20 `embedding` takes tokens, so it is the first operation of a model\n");
  EXPECT_EQ(Errors("model m { layer a { linear(3); relu; } }"),
            "1:21 the first operation of a model is `embedding`, not `linear`\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 4); cross_entropy; relu; gelu; } }"),
            "1:53 `relu` comes after the loss, which ends the model\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 4); residual { cross_entropy; } } }"),
            "1:49 a loss inside a `residual`: it ends the model\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(2147483647, 2147483647); } }"),
            "1:21 a matrix of 2147483647 by 2147483647 has more elements than the limit, 2^48\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 2147483648); } }"),
            "1:34 `width` is 2147483648: it must be at most 2147483647\n");
}

TEST(CheckerErrorsTest, Layers) {
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 4); } layer a { relu; } }"),
            "1:46 a second layer `a` (the first is here)\n");
  EXPECT_EQ(Errors("model m { layer a { } }"), "1:11 the layer `a` is empty\n");
  EXPECT_EQ(Errors("model m { }"), "1:1 the model `m` has no layers\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 4); } layer b repeat 65537 { relu; } }"),
            "1:55 `repeat` is 65537: it must be at most 65536\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 4); } layer b repeat 65536 { relu; } }"),
            "1:40 the model has more layers than the limit `layers`, 65536\n");
}

TEST(CheckerErrorsTest, TiedWeights) {
  const auto tied = [](const std::string& linear) {
    return Errors("model m { layer embed { embedding(16, 8); } layer b { relu; }\nlayer head { " +
                  linear + "; } }");
  };
  EXPECT_EQ(tied("linear(16, tied = embed)"), "");
  EXPECT_EQ(
      tied("linear(16, tied = embd)"),
      "2:14 `tied` is `embd`, which is no layer with an `embedding` (did you mean `embed`?)\n");
  EXPECT_EQ(tied("linear(16, tied = b)"),
            "2:14 `tied` is `b`, which is no layer with an `embedding`\n");
  EXPECT_EQ(tied("linear(17, tied = embed)"),
            "2:14 this `linear` maps 8 to 17, which does not fit the embedding it is tied to (the "
            "table has 16 rows of width 8)\n");
}

TEST(CheckerErrorsTest, Stages) {
  const auto stages = [](const std::string& text) {
    std::string model = kSmallModel;
    for (char& c : model) c = c == '\n' ? ' ' : c;
    return Errors("mesh { pp = 2; }" + model + "\nstages " + text);
  };
  EXPECT_EQ(stages("{ embed block | head }"), "");
  EXPECT_EQ(
      stages("{ embed block[0..3] | head }"),
      "2:30 the stages miss `block[3]`, which comes before `head` (the order of the layers is "
      "the order of the model)\n");
  EXPECT_EQ(stages("{ embed | block }"), "2:1 the stages miss `head`\n");
  EXPECT_EQ(stages("{ embed | block[0] }"), "2:1 the stages miss `block[1]` and 3 more after it\n");
  EXPECT_EQ(stages("{ embed block[0..3] | block[2..4] head }"),
            "2:30 `block[2]` is already in a stage before this\n");
  EXPECT_EQ(stages("{ embed block | blok[0] }"),
            "2:24 the model has no layer `blok` (did you mean `block`?)\n");
  EXPECT_EQ(stages("{ embed block[0..5] | head }").substr(0, 40),
            "2:16 `block` has no layer of that index ");
  EXPECT_EQ(stages("{ embed block[-1] | head }").substr(0, 40),
            "2:16 `block` has no layer of that index ");
  EXPECT_EQ(stages("{ embed block[2..2] | head }").substr(0, 53),
            "2:16 this selects no layer: `a .. b` excludes b (`blo");
  EXPECT_EQ(stages("{ embed | block | head }"),
            "2:1 there are 3 stages here, but `pp` = 2 (`pp` is set here)\n");
  EXPECT_EQ(stages("balance(flop);"),
            "2:16 `balance` has no choice `flop` (did you mean `flops`?)\n");
  EXPECT_EQ(Errors(std::string("mesh { pp = 7; }") + kSmallModel),
            "1:8 `pp` is 7, but the model has only 6 layers to split\n");
  EXPECT_EQ(Errors("stages { a }"), "1:1 `stages` lists layers, but there is no `model`\n");
}

TEST(CheckerErrorsTest, BatchesDivide) {
  const std::string needed = kNeeded;
  EXPECT_EQ(TrainErrors(needed + "batch = 8; microbatches = 3;"),
            "2:88 `microbatches` is 3, which does not divide `batch` = 8 (`batch` is set here)\n");
  EXPECT_EQ(
      TrainErrors(needed + "batch = 8; microbatches = 4;", "mesh { dp = 3; }"),
      "2:77 `batch` = 8 in `microbatches` = 4 has 2 samples a microbatch, which `dp` = 3 does "
      "not divide (`dp` is set here)\n");
}

TEST(CheckerErrorsTest, TrainSettings) {
  const std::string needed = std::string(kNeeded) + "batch = 8; ";
  EXPECT_EQ(TrainErrors(kNeeded), "2:1 `train` needs the setting `batch`\n");
  EXPECT_EQ(TrainErrors(std::string(kNeeded) + "bacth = 8;"),
            "2:77 `train` has no setting `bacth` (did you mean `batch`?)\n");
  EXPECT_EQ(TrainErrors(needed + "seed = -1;"), "2:95 `seed` is -1: it must be at least 0\n");
  EXPECT_EQ(TrainErrors(needed + "precision = fp16;"),
            "2:100 `precision` has no choice `fp16` (it is one of `fp32`, `bf16`)\n");
  EXPECT_EQ(TrainErrors(needed + "names = huggingface(bert);"),
            "2:108 `huggingface` has no choice `bert` (it is one of `gpt2`, `llama`)\n");
  EXPECT_EQ(TrainErrors(needed + "validate_every = 3;"),
            "2:88 `validate_every` needs `validation`, the data to validate on\n");
  EXPECT_EQ(TrainErrors(needed + "validation = tokens(\"x\", u8);"),
            "2:113 `type` has no choice `u8` (it is one of `u16`, `u32`)\n");
  EXPECT_EQ(TrainErrors(needed + "validation = words(\"x\");").substr(0, 32),
            "2:101 unknown kind of data (writ");
  EXPECT_EQ(
      Errors("train { " + needed + "}"),
      "1:1 `train` needs a `model`, and there is none (a study of a schedule, without a model, has "
      "only `microbatches`)\n");
  EXPECT_EQ(Errors("model m { layer a { embedding(4, 4); } }\ntrain { " + needed + "}"),
            "1:11 the model ends without a loss, so it cannot be trained (`train` is here)\n");
  EXPECT_EQ(
      Errors("model m { layer a { embedding(4, 4); positions(3); cross_entropy; } }\ntrain { " +
             needed + "}"),
      "2:30 `sequence` is 4, but the model has only 3 positions (they are set here)\n");
}

TEST(CheckerErrorsTest, Optimizers) {
  const auto optimizer = [](const std::string& text) {
    return TrainErrors("optimizer = " + text +
                       "; data = synthetic(1); sequence = 4; steps = 1; batch = 8;");
  };
  EXPECT_EQ(optimizer("adamw(3e-4)"), "");
  EXPECT_EQ(optimizer("adamv(3e-4)").substr(0, 40), "2:21 unknown optimizer (did you mean `ad");
  EXPECT_EQ(optimizer("sgd(0.1, betas = (0, 0))").substr(0, 33),
            "2:30 `sgd` has no argument `betas");
  EXPECT_EQ(optimizer("adam(0.1, betas = (0.9, 1.5))"),
            "2:39 `betas` is (0.9, 1.5): it must be two numbers, each at least 0 and below 1\n");
  EXPECT_EQ(optimizer("adam(-1)"), "2:26 `lr` is -1: it must be at least 0.0\n");
  EXPECT_EQ(optimizer("adam(0.1, final_lr = 0.01)"), "2:42 `final_lr` needs `decay = cosine`\n");
  EXPECT_EQ(optimizer("adam(0.1, decay = cosine, final_lr = 1)"),
            "2:58 `final_lr` is above `lr`\n");
  EXPECT_EQ(
      optimizer("adam"),
      "2:21 unknown optimizer (write `sgd(lr = ...)`, `adam(lr = ...)` or `adamw(lr = ...)`)\n");
}

TEST(CheckerErrorsTest, Choices) {
  EXPECT_EQ(Errors("schedule gpip;"), "1:10 unknown schedule `gpip` (did you mean `gpipe`?)\n");
  EXPECT_EQ(Errors("schedule gpipe(chunks = 2);").substr(0, 42),
            "1:16 `gpipe` has no argument `chunks` (it ");
  EXPECT_EQ(Errors("model n;"), "1:7 unknown model `n`\n");
  EXPECT_EQ(
      Errors("model a { layer x { embedding(1, 1); } } model b { layer x { embedding(1, 1); } }"),
      "1:48 several models, and none is chosen (choose one with `model NAME;`)\n");
  EXPECT_EQ(Errors("schedule a { order on rank r { } } schedule a { order on rank r { } }"),
            "1:45 a second schedule `a` (the first is here)\n");
  EXPECT_EQ(Errors("schedule a(x = \"s\") { order on rank r { } }"),
            "1:16 `x` is a string: a parameter is a number or a boolean\n");
  EXPECT_EQ(Errors("schedule a { }"), "1:10 the schedule `a` has no `order on rank r`\n");
  EXPECT_EQ(Errors("gradients dpd;"),
            "1:11 unknown way to reduce gradients, `dpd` (did you mean `ddp`?)\n");
  EXPECT_EQ(Errors("gradients ddp(bucket = 0);"), "1:24 `bucket` is 0: it must be at least 1\n");
  EXPECT_EQ(Errors("transfers queue_per_pear;"),
            "1:11 unknown choice of queues for transfers, `queue_per_pear` (did you mean "
            "`queue_per_peer`?)\n");
  EXPECT_EQ(Errors("transfers 3;").substr(0, 4), "1:11");
  EXPECT_NE(Errors("transfers queue_per_rank(3);"), "");
}

TEST(CheckerErrorsTest, Greedy) {
  const auto errors = [](const std::string& body) {
    return Errors("schedule z { greedy on rank r { " + body + " } }");
  };
  const std::string all = "prefer input_grad, forward, weight_grad; ";
  EXPECT_EQ(errors(all), "");
  EXPECT_EQ(errors("prefer backward, forward; limit in_flight <= 3; search nodes <= 2;"), "");
  EXPECT_EQ(errors(""),
            "1:14 `greedy` does not say what it prefers (as in `prefer input_grad, forward, "
            "weight_grad;`)\n");
  EXPECT_EQ(errors(all + "limit in_fligth <= 3;"),
            "1:80 `greedy` has no limit named `in_fligth` (did you mean `in_flight`?)\n");
  EXPECT_EQ(
      errors(all + "limit bytes <= 3;"),
      "1:80 `greedy` has no limit named `bytes` (it is `in_flight`: activations of a chunk, or "
      "with a unit their bytes)\n");
  EXPECT_EQ(errors(all + "search seconds <= 3;"),
            "1:81 a search is not bounded by `seconds` (it is bounded by `nodes`: the orders that "
            "it tries)\n");
  EXPECT_EQ(errors("prefer forwards, backward;"),
            "1:40 unknown kind of task, `forwards` (did you mean `forward`?)\n");
  EXPECT_EQ(errors("prefer forward, backward, forward;"),
            "1:59 `forward` is preferred twice (first here)\n");
  EXPECT_EQ(errors("prefer forward, backward, input_grad;"),
            "1:59 `input_grad` is preferred beside `backward` (`backward` is `input_grad` and "
            "`weight_grad` in one task)\n");
  const std::string needs =
      " (every microbatch needs `forward` and `backward`, or `forward`, `input_grad` and "
      "`weight_grad`)\n";
  EXPECT_EQ(errors("prefer forward, input_grad;"),
            "1:33 `prefer` leaves out `weight_grad`" + needs);
  EXPECT_EQ(errors("prefer backward;"), "1:33 `prefer` leaves out `forward`" + needs);
  EXPECT_EQ(errors("prefer forward;"), "1:33 `prefer` leaves out `input_grad`" + needs);
  EXPECT_EQ(errors(all + all), "1:74 a second `prefer`: `greedy` has one (the first is here)\n");
  EXPECT_EQ(errors(all + "search nodes <= 1; search nodes <= 2;"),
            "1:93 a second `search`: `greedy` has one (the first is here)\n");
  EXPECT_EQ(errors(all + "limit in_flight <= 1; limit in_flight <= 2;"),
            "1:96 a second `limit in_flight`: `greedy` has one (the first is here)\n");
}

TEST(CheckerErrorsTest, GreedyAndTheOrder) {
  const std::string prefer = "prefer backward, forward; ";
  const auto greedy = [&](const std::string& rank, const std::string& more = "") {
    return "greedy on rank " + rank + " { " + prefer + more + "} ";
  };
  EXPECT_EQ(Errors("schedule z { order on rank r { } " + greedy("0") + greedy("1") + "}"), "");
  EXPECT_EQ(
      Errors("schedule z { order on rank r { } " + greedy("q") + "}"),
      "1:34 `greedy on rank q` stands for every rank, and so does `order` (the order is here) "
      "(`greedy on rank 0` stands for that rank alone)\n");
  EXPECT_EQ(Errors("schedule z { " + greedy("q") + greedy("r") + "}"),
            "1:61 a second `greedy` for every rank (the first is here)\n");
  EXPECT_EQ(Errors("schedule z { " + greedy("1") + greedy("r") + greedy("1") + "}"),
            "1:108 a second `greedy` for rank 1 (the first is here)\n");
  const std::string two = "place chunk 0 on rank r as stage r | stage pp - 1 - r; ";
  EXPECT_EQ(Errors("schedule z { " + two + greedy("r", "search nodes <= 2; ") + "}"), "");
  EXPECT_EQ(Errors("schedule z { " + two + greedy("r") + "}"),
            "1:14 a chunk is in one place, and this says 2 (a `greedy` with `search` would choose "
            "among them)\n");
  EXPECT_EQ(
      Errors("schedule z { " + two + "place chunk 1 on rank r as stage 1 | stage 2 | stage 3; " +
             greedy("r", "search nodes <= 2; ") + "}"),
      "1:69 this has 3 places to choose among, and another clause 2 (the other is here: the "
      "first places of all are one placement, the second ones the next, and so on)\n");
  EXPECT_EQ(Errors("schedule z { " + two + "order on rank r { } " +
                   greedy("0", "search nodes <= 2; ") + "}"),
            "1:14 a search may choose among places where `greedy` orders every rank (the order is "
            "here)\n");
}

TEST(CheckerErrorsTest, WhatComesLater) {
  EXPECT_EQ(Errors("gradients zero(stage = 1);"), "1:11 `gradients zero` is not supported yet\n");
  EXPECT_EQ(Errors("recompute full;").substr(0, 42), "1:1 `recompute full` is not supported yet ");
}

}  // namespace
}  // namespace pprun
