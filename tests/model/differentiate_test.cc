#include "compiler/model/differentiate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "compiler/model/gradient_rules.h"
#include "compiler/model/model.h"
#include "tests/model/example_models.h"
#include "tests/model/function_checks.h"

namespace pprun {
namespace {

std::vector<CheckedProgram> Programs() {
  return {TinyGpt({.dropout = 0.1}), TinyGpt({.tied = "embed"}), TinyLlama({.kv_heads = 1})};
}

// Operations as text without the memory they use: kind, label, attributes that matter.
std::vector<std::string> Lines(const Function& function) {
  std::vector<std::string> lines;
  for (const Operation& operation : function.operations) {
    lines.push_back(std::string(Name(operation.kind)) + " " + operation.label);
  }
  return lines;
}

bool IsWeightGradient(const Operation& operation) {
  const auto& signature = Signature(operation.kind).operands;
  return std::ranges::any_of(
      signature, [](const auto& operand) { return operand.access == Access::kAccumulate; });
}

// How often each parameter's gradient is accumulated into.
std::vector<int> Accumulations(const Function& function, size_t parameters) {
  std::vector<int> counts(parameters);
  for (const Operation& operation : function.operations) {
    const auto& signature = Signature(operation.kind).operands;
    for (size_t i = 0; i < signature.size(); ++i) {
      if (signature[i].access != Access::kAccumulate || !operation.operands[i].valid()) continue;
      const View& view = function.views[operation.operands[i].index()];
      const Argument& argument = function.arguments[static_cast<size_t>(view.argument)];
      EXPECT_EQ(argument.role, Role::kGradient);
      ++counts[static_cast<size_t>(argument.ordinal)];
    }
  }
  return counts;
}

TEST(Differentiate, AccumulatesEveryGradientExactlyOnce) {
  for (const CheckedProgram& program : Programs()) {
    const CompiledModel model = CompileModel(program, 2);
    for (const CompiledInstance& instance : model.instances) {
      const CompiledLayer& layer = model.layers[static_cast<size_t>(instance.layer)];
      const std::vector<int> once(instance.parameters.size(), 1);
      for (const FunctionId id : {layer.backward, layer.weight_grad}) {
        EXPECT_EQ(Accumulations(model.functions[id.index()], once.size()), once) << layer.name;
      }
      if (!layer.input_grad.valid()) continue;
      const std::vector<int> never(once.size(), 0);
      EXPECT_EQ(Accumulations(model.functions[layer.input_grad.index()], once.size()), never);
    }
  }
}

TEST(Differentiate, BackwardIsTheHalvesMerged) {
  for (const CheckedProgram& program : Programs()) {
    const CompiledModel model = CompileModel(program, 2);
    for (const CompiledLayer& layer : model.layers) {
      std::vector<std::string> inputs;
      std::vector<std::string> weights;
      const Function& backward = model.functions[layer.backward.index()];
      const std::vector<std::string> lines = Lines(backward);
      for (size_t i = 0; i < lines.size(); ++i) {
        (IsWeightGradient(backward.operations[i]) ? weights : inputs).push_back(lines[i]);
      }
      EXPECT_EQ(Lines(model.functions[layer.weight_grad.index()]), weights);
      if (layer.input_grad.valid()) {
        EXPECT_EQ(Lines(model.functions[layer.input_grad.index()]), inputs);
      } else {
        EXPECT_TRUE(inputs.empty());
      }
    }
  }
}

TEST(Differentiate, WeightGradientFollowsItsInputGradient) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  EXPECT_EQ(Lines(FunctionNamed(model, "block.backward")),
            (std::vector<std::string>{
                "linear_input_grad_gelu_tanh linear1", "linear_weight_grad linear1",
                "linear_input_grad linear", "linear_weight_grad linear",
                "layer_norm_input_grad layer_norm1", "layer_norm_weight_grad layer_norm1",
                "linear_input_grad attn.out", "linear_weight_grad attn.out", "attention_grad attn",
                "linear_input_grad attn.qkv", "linear_weight_grad attn.qkv",
                "layer_norm_input_grad layer_norm", "layer_norm_weight_grad layer_norm"}));
}

TEST(Differentiate, TheSecondHalfReadsNothingThatOnlyTheFirstKeeps) {
  for (const CheckedProgram& program : Programs()) {
    const CompiledModel model = CompileModel(program, 2);
    for (const CompiledLayer& layer : model.layers) {
      for (const Argument& argument : model.functions[layer.weight_grad.index()].arguments) {
        EXPECT_NE(argument.role, Role::kFrameInput);
        EXPECT_NE(argument.role, Role::kOutput);
        EXPECT_NE(argument.role, Role::kInputGradient);
      }
    }
  }
}

// The rules are complete: every forward kind has one, and it fits the signatures.
TEST(GradientRules, FitTheSignatures) {
  using enum OpKind;
  for (const OpKind kind :
       {kEmbedding, kPositions, kLinear, kLayerNorm, kRmsNorm, kGelu, kGeluTanh, kSilu, kRelu,
        kSwiglu, kRope, kAttention, kAdd, kDropout, kCrossEntropy, kMeanSquaredError}) {
    const GradientRule& rule = RuleFor(kind);
    const auto& forward = Signature(kind).operands;
    EXPECT_EQ(forward[static_cast<size_t>(rule.result)].access, Access::kWrite);
    for (const GradientHalf& half : {rule.input, rule.weight}) {
      if (half.operands.empty()) continue;
      const auto& signature = Signature(half.kind).operands;
      ASSERT_EQ(half.operands.size(), signature.size()) << Name(kind);
      for (size_t i = 0; i < signature.size(); ++i) {
        const GradientOperand& source = half.operands[i];
        if (source.from == GradientOperand::From::kAbsent) {
          EXPECT_EQ(signature[i].presence, OperandSignature::Presence::kOptional);
          continue;
        }
        const OperandSignature& of = forward[static_cast<size_t>(source.operand)];
        // A dropout's backward is a dropout, whose operands are not named after gradients.
        if (kind == kDropout || kind == kRope) continue;
        const std::string prefix = source.from == GradientOperand::From::kGradient ? "d" : "";
        EXPECT_EQ(signature[i].name, prefix + std::string(of.name)) << Name(half.kind);
      }
    }
  }
}

TEST(Differentiate, Text) {
  const CheckedProgram program = ProgramOf(
      {}, {{.name = "mix",
            .operations = {ResidualOf(
                "residual", {NormOf(LayerOpKind::kRmsNorm, "rms_norm", 8),
                             LinearOf("linear", 8, 8, true), DropoutOf("dropout", 8, 0.5)})}}});
  const LayerGraph graph =
      BuildLayerGraph(program.model->layers[0], SizesOf(program, program.train->batch));
  EXPECT_EQ(ToText(Differentiate(graph)),
            "  I  d_linear f32[2, 6, 8] = dropout(d_output) with probability 0.5, key 0\n"
            "  I  d_rms_norm f32[2, 6, 8] = linear_input_grad(d_linear, linear.weight)\n"
            "  W  d_linear.weight, d_linear.bias += linear_weight_grad(rms_norm, d_linear)\n"
            "  I  d_input.2 f32[2, 6, 8] = rms_norm_input_grad(input, d_rms_norm, "
            "rms_norm.weight, rms_norm.rstd) with epsilon 1e-05\n"
            "  W  d_rms_norm.weight += rms_norm_weight_grad(input, d_rms_norm, rms_norm.rstd) with "
            "epsilon 1e-05\n"
            "  I  d_input.sum2 f32[2, 6, 8] = add(d_output, d_input.2)\n");
}

}  // namespace
}  // namespace pprun
