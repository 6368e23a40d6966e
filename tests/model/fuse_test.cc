#include "compiler/model/fuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "compiler/model/assign_buffers.h"
#include "compiler/model/flops.h"
#include "compiler/model/lifetimes.h"
#include "tests/model/example_models.h"

namespace pprun {
namespace {

struct Built {
  LayerGraph graph;
  BackwardGraph backward;
  FusedLayer fused;
};

Built Build(const CheckedProgram& program, size_t layer) {
  const LayerGraph graph =
      BuildLayerGraph(program.model->layers[layer], SizesOf(program, program.train->batch));
  const BackwardGraph backward = Differentiate(graph);
  return {graph, backward, Fuse(graph, backward)};
}

std::vector<std::string> NamesOf(const std::vector<GraphOperation>& operations) {
  std::vector<std::string> names;
  for (const GraphOperation& operation : operations) names.emplace_back(Name(operation.kind));
  return names;
}

std::vector<GraphOperation> HalfOf(const BackwardGraph& backward, Half half) {
  std::vector<GraphOperation> operations;
  for (const BackwardOperation& each : backward.operations) {
    if (each.half == half) operations.push_back(each.operation);
  }
  return operations;
}

std::string TextOf(const BackwardGraph& backward, Half half) {
  std::string text;
  for (const GraphOperation& operation : HalfOf(backward, half)) {
    text += ToText(backward.values, operation) + "\n";
  }
  return text;
}

using Names = std::vector<std::string>;

TEST(Fuse, AGptBlock) {
  const Built block = Build(TinyGpt({}), 1);
  const Names forward = {"layer_norm", "linear",           "attention", "linear_add",
                         "layer_norm", "linear_gelu_tanh", "linear_add"};
  EXPECT_EQ(NamesOf(block.fused.forward.operations), forward);
  EXPECT_EQ(NamesOf(block.fused.evaluate.operations), forward);
  EXPECT_EQ(
      NamesOf(HalfOf(block.fused.backward, Half::kInputGrad)),
      (Names{"linear_input_grad_gelu_tanh", "linear_input_grad", "layer_norm_input_grad",
             "linear_input_grad", "attention_grad", "linear_input_grad", "layer_norm_input_grad"}));
  // What passes by a norm joins its gradient.
  for (const GraphOperation& operation : HalfOf(block.fused.backward, Half::kInputGrad)) {
    if (operation.kind != OpKind::kLayerNormInputGrad) continue;
    EXPECT_TRUE(operation.operands[5].valid());
  }
  // The weight gradients are what they were.
  EXPECT_EQ(TextOf(block.fused.backward, Half::kWeightGrad),
            TextOf(block.backward, Half::kWeightGrad));
}

TEST(Fuse, ALlamaBlock) {
  const Built block = Build(TinyLlama({}), 1);
  EXPECT_EQ(NamesOf(block.fused.forward.operations),
            (Names{"rms_norm", "linear", "rope", "attention", "linear_add", "rms_norm", "linear",
                   "linear", "swiglu", "linear_add"}));
  const std::vector<GraphOperation> input = HalfOf(block.fused.backward, Half::kInputGrad);
  for (const GraphOperation& operation : input) {
    if (operation.kind != OpKind::kRmsNormInputGrad) continue;
    EXPECT_TRUE(operation.operands[4].valid()) << "nothing passes by";
  }
}

// What comes between a product and its sum leaves the sum to the norm after it.
TEST(Fuse, ABlockWithDropout) {
  const Built block = Build(TinyGpt({.dropout = 0.1}), 1);
  EXPECT_EQ(NamesOf(block.fused.forward.operations),
            (Names{"layer_norm", "linear", "attention", "linear", "dropout", "add_layer_norm",
                   "linear_gelu_tanh", "linear", "dropout", "add"}));
  EXPECT_EQ(NamesOf(block.fused.evaluate.operations),
            (Names{"layer_norm", "linear", "attention", "linear_add", "layer_norm",
                   "linear_gelu_tanh", "linear_add"}));
}

TEST(Fuse, TheGradientOfTheLossIsComputedForwardInThePlaceOfTheLogits) {
  const Built head = Build(TinyGpt({}), 2);
  EXPECT_EQ(NamesOf(head.fused.forward.operations),
            (Names{"layer_norm", "linear", "cross_entropy_with_grad"}));
  EXPECT_EQ(NamesOf(head.fused.evaluate.operations),
            (Names{"layer_norm", "linear", "cross_entropy"}));
  EXPECT_EQ(NamesOf(HalfOf(head.fused.backward, Half::kInputGrad)),
            (Names{"linear_input_grad", "layer_norm_input_grad"}));
  const LayerFunctions functions = AssignBuffers(head.fused);
  const Operation& loss = functions.forward.operations.back();
  const View& logits = functions.forward.views[loss.operands[0].index()];
  const View& gradient = functions.forward.views[loss.operands[3].index()];
  EXPECT_EQ(functions.forward.arguments[static_cast<size_t>(logits.argument)].role,
            Role::kFrameWeight);
  EXPECT_EQ(logits.argument, gradient.argument);
  EXPECT_EQ(logits.offset, gradient.offset);
  // The logits are kept once, as their gradient, beside the norm's output and statistics.
  const auto bytes = [](int64_t floats) { return AlignedBytes(4 * floats); };
  EXPECT_EQ(functions.frame_weight_bytes, bytes(12 * 11) + bytes(12 * 8) + 2 * bytes(12));
  EXPECT_EQ(functions.frame_input_bytes, 0);
  // What the weight gradients read of the input gradient's work: the norm's output gradient.
  EXPECT_EQ(functions.stash_bytes, bytes(12 * 8));
}

// A product whose result something else reads too is kept.
TEST(Fuse, ASumOfAProductThatIsReadTwice) {
  const Built block = Build(TinyGpt({}), 1);
  LayerGraph graph = block.graph;
  std::vector<GraphOperation>& operations = graph.operations;
  const auto product = std::ranges::find(operations, OpKind::kAdd, &GraphOperation::kind) - 1;
  ASSERT_EQ(product->kind, OpKind::kLinear);
  BackwardGraph backward = block.backward;
  for (BackwardOperation& each : backward.operations) {
    if (each.operation.kind == OpKind::kAttentionGrad)
      each.operation.operands[1] = product->operands[3];
  }
  const FusedLayer fused = Fuse(graph, backward);
  EXPECT_EQ(NamesOf(fused.forward.operations),
            (Names{"layer_norm", "linear", "attention", "linear", "add_layer_norm",
                   "linear_gelu_tanh", "linear_add"}));
}

// Neighbours of other kinds stay apart; forward and backward find their pairs by themselves.
TEST(Fuse, LeavesWhatDoesNotFit) {
  const CheckedProgram program =
      ProgramOf({}, {{.name = "mix",
                      .operations = {ActivationOf(LayerOpKind::kGeluTanh, "gelu", 8),
                                     LinearOf("linear", 8, 8, true), DropoutOf("dropout", 8, 0.5),
                                     ActivationOf(LayerOpKind::kGeluTanh, "gelu1", 8),
                                     NormOf(LayerOpKind::kLayerNorm, "layer_norm", 8)}}});
  const Built mix = Build(program, 0);
  EXPECT_EQ(NamesOf(mix.fused.forward.operations),
            (Names{"gelu_tanh", "linear", "dropout", "gelu_tanh", "layer_norm"}));
  EXPECT_EQ(
      NamesOf(HalfOf(mix.fused.backward, Half::kInputGrad)),
      (Names{"layer_norm_input_grad", "gelu_tanh_grad", "dropout", "linear_input_grad_gelu_tanh"}));
  // Without the dropout between them the two are neighbours.
  EXPECT_EQ(NamesOf(mix.fused.evaluate.operations),
            (Names{"gelu_tanh", "linear_gelu_tanh", "layer_norm"}));
}

TEST(Fuse, CountsTheSameProducts) {
  for (const CheckedProgram& program : {TinyGpt({.dropout = 0.1}), TinyLlama({.kv_heads = 1})}) {
    for (size_t layer = 0; layer < program.model->layers.size(); ++layer) {
      const Built built = Build(program, layer);
      const auto total = [&](const std::vector<GraphOperation>& operations) {
        double flops = 0;
        for (const GraphOperation& each : operations) flops += FlopsOf(built.backward.values, each);
        return flops;
      };
      EXPECT_EQ(total(built.fused.forward.operations), total(built.graph.operations));
      for (const Half half : {Half::kInputGrad, Half::kWeightGrad}) {
        EXPECT_EQ(total(HalfOf(built.fused.backward, half)), total(HalfOf(built.backward, half)));
      }
    }
  }
}

}  // namespace
}  // namespace pprun
