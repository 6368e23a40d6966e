#include "compiler/model/layer_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/model/example_models.h"

namespace pprun {
namespace {

LayerGraph GraphOf(const CheckedProgram& program, size_t layer, int64_t samples = 2) {
  return BuildLayerGraph(program.model->layers[layer], SizesOf(program, samples));
}

std::vector<OpKind> KindsOf(const LayerGraph& graph) {
  std::vector<OpKind> kinds;
  for (const GraphOperation& operation : graph.operations) kinds.push_back(operation.kind);
  return kinds;
}

const LayerParameter& ParameterNamed(const LayerGraph& graph, const std::string& name) {
  const auto found =
      std::ranges::find(graph.parameters, name, [](const auto& each) { return each.name; });
  EXPECT_NE(found, graph.parameters.end()) << name;
  return *found;
}

TEST(LayerGraph, ExpandsAGptBlock) {
  const LayerGraph graph = GraphOf(TinyGpt({}), 1);
  using enum OpKind;
  EXPECT_EQ(KindsOf(graph), (std::vector<OpKind>{kLayerNorm, kLinear, kAttention, kLinear, kAdd,
                                                 kLayerNorm, kLinear, kGeluTanh, kLinear, kAdd}));
  std::vector<std::string> names;
  for (const LayerParameter& parameter : graph.parameters) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "layer_norm.weight", "layer_norm.bias", "attn.qkv.weight", "attn.qkv.bias",
                       "attn.out.weight", "attn.out.bias", "layer_norm1.weight", "layer_norm1.bias",
                       "linear.weight", "linear.bias", "linear1.weight", "linear1.bias"}));
}

TEST(LayerGraph, ExpandsALlamaBlock) {
  const LayerGraph graph = GraphOf(TinyLlama({.kv_heads = 1}), 1);
  using enum OpKind;
  EXPECT_EQ(KindsOf(graph),
            (std::vector<OpKind>{kRmsNorm, kLinear, kRope, kAttention, kLinear, kAdd, kRmsNorm,
                                 kLinear, kLinear, kSwiglu, kLinear, kAdd}));
  // (h + 2k) c = (2 + 2) * 4 outputs, and no biases.
  EXPECT_EQ(ToString(ParameterNamed(graph, "attn.qkv.weight").type), "f32[16, 8]");
  EXPECT_EQ(ToString(ParameterNamed(graph, "swiglu.up.weight").type), "f32[12, 8]");
  EXPECT_EQ(graph.parameters.size(), 7u);
  EXPECT_EQ(graph.operations[2].attributes.kv_heads, 1);
  EXPECT_EQ(graph.operations[2].attributes.rope_theta, 10000);
}

TEST(LayerGraph, EveryValueIsDefinedOnceAndBeforeItIsRead) {
  for (const CheckedProgram& program : {TinyGpt({.dropout = 0.1}), TinyLlama({})}) {
    for (size_t layer = 0; layer < program.model->layers.size(); ++layer) {
      const LayerGraph graph = GraphOf(program, layer);
      std::vector<bool> defined;
      for (const GraphValue& value : graph.values) {
        defined.push_back(value.kind != GraphValue::Kind::kComputed);
      }
      for (const GraphOperation& operation : graph.operations) {
        const auto& signature = Signature(operation.kind).operands;
        ASSERT_EQ(signature.size(), operation.operands.size());
        for (size_t i = 0; i < signature.size(); ++i) {
          const ValueId id = operation.operands[i];
          if (!id.valid()) continue;
          EXPECT_EQ(defined[id.index()], signature[i].access == Access::kRead);
          defined[id.index()] = true;
        }
      }
      EXPECT_EQ(std::ranges::count(defined, false), 0);
      EXPECT_NE(graph.output.valid(), graph.loss.valid());
    }
  }
}

TEST(LayerGraph, InitialisesAsGpt2) {
  const CheckedProgram program = TinyGpt({.depth = 8, .dropout = 0.1});
  const LayerGraph block = GraphOf(program, 1);
  using Kind = Initialisation::Kind;
  // The projections that end a branch, dropout after them notwithstanding.
  for (const char* name : {"attn.out.weight", "linear1.weight"}) {
    EXPECT_DOUBLE_EQ(ParameterNamed(block, name).initialisation.deviation, 0.02 / 4) << name;
  }
  for (const char* name : {"attn.qkv.weight", "linear.weight"}) {
    EXPECT_EQ(ParameterNamed(block, name).initialisation.kind, Kind::kNormal) << name;
    EXPECT_DOUBLE_EQ(ParameterNamed(block, name).initialisation.deviation, 0.02) << name;
    EXPECT_EQ(ParameterNamed(block, name).decay, Parameter::Decay::kYes) << name;
  }
  EXPECT_EQ(ParameterNamed(block, "layer_norm.weight").initialisation.kind, Kind::kOnes);
  EXPECT_EQ(ParameterNamed(block, "layer_norm.bias").initialisation.kind, Kind::kZeros);
  EXPECT_EQ(ParameterNamed(block, "linear.bias").initialisation.kind, Kind::kZeros);
  for (const char* name : {"layer_norm.weight", "layer_norm.bias", "linear.bias"}) {
    EXPECT_EQ(ParameterNamed(block, name).decay, Parameter::Decay::kNo) << name;
  }
  const LayerGraph embed = GraphOf(program, 0);
  EXPECT_EQ(ParameterNamed(embed, "embedding.weight").decay, Parameter::Decay::kYes);
  EXPECT_EQ(ParameterNamed(embed, "positions.weight").decay, Parameter::Decay::kNo);
  EXPECT_DOUBLE_EQ(ParameterNamed(embed, "positions.weight").initialisation.deviation, 0.02);
}

TEST(LayerGraph, NumbersRandomOperationsWithinTheLayer) {
  const LayerGraph graph = GraphOf(TinyGpt({.dropout = 0.1}), 1);
  std::vector<uint32_t> keys;
  for (const GraphOperation& operation : graph.operations) {
    if (operation.kind == OpKind::kDropout) keys.push_back(operation.attributes.random_key);
  }
  EXPECT_EQ(keys, (std::vector<uint32_t>{0, 1}));
}

TEST(LayerGraph, ScalesTheLossByTheTokensOfTheBatch) {
  const LayerGraph head = GraphOf(TinyGpt({.sequence = 6, .batch = 8}), 2, 2);
  EXPECT_DOUBLE_EQ(head.operations.back().attributes.loss_scale, 1.0 / 48);
  EXPECT_EQ(head.values[head.loss.index()].type, (TensorType{DType::kF64, {}}));
}

TEST(LayerGraph, DropoutGoesForEvaluation) {
  const LayerGraph graph = GraphOf(TinyGpt({.dropout = 0.1}), 1);
  EXPECT_EQ(KindsOf(WithoutDropout(graph)), KindsOf(GraphOf(TinyGpt({}), 1)));
}

TEST(LayerGraph, Text) {
  const CheckedProgram program = ProgramOf(
      {}, {{.name = "mix",
            .operations = {ResidualOf(
                "residual", {NormOf(LayerOpKind::kRmsNorm, "rms_norm", 8),
                             LinearOf("linear", 8, 8, true), DropoutOf("dropout", 8, 0.5)})}}});
  EXPECT_EQ(ToText(GraphOf(program, 0)),
            "layer mix\n"
            "  parameter rms_norm.weight f32[8], ones, no decay\n"
            "  parameter linear.weight f32[8, 8], normal 0.0141421\n"
            "  parameter linear.bias f32[8], zeros, no decay\n"
            "  given input f32[2, 6, 8]\n"
            "  rms_norm f32[2, 6, 8], rms_norm.rstd f32[2, 6] = rms_norm(input, rms_norm.weight) "
            "with epsilon 1e-05\n"
            "  linear f32[2, 6, 8] = linear(rms_norm, linear.weight, linear.bias)\n"
            "  dropout f32[2, 6, 8] = dropout(linear) with probability 0.5, key 0\n"
            "  residual f32[2, 6, 8] = add(input, dropout)\n"
            "  output residual\n");
}

}  // namespace
}  // namespace pprun
