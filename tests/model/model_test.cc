#include "compiler/model/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "tests/model/example_models.h"

namespace pprun {
namespace {

TEST(CompileModel, InstancesOfALayerShareItsFunctions) {
  const CompiledModel model = CompileModel(TinyGpt({.depth = 5}), 2);
  ASSERT_EQ(model.layers.size(), 3u);
  ASSERT_EQ(model.instances.size(), 7u);
  EXPECT_EQ(model.instances[0].name, "embed");
  EXPECT_EQ(model.instances[3].name, "block[2]");
  EXPECT_EQ(model.instances[3].layer, 1);
  EXPECT_EQ(model.instances[6].name, "head");
  // Five of the block and the head, four of the embedding.
  EXPECT_EQ(model.functions.size(), 14u);
}

TEST(CompileModel, TypesAtTheBoundaries) {
  const CompiledModel model = CompileModel(TinyGpt({}), 3);
  const TensorType activation{DType::kF32, {3, 6, 8}};
  EXPECT_FALSE(model.layers[0].input.has_value());
  EXPECT_EQ(model.layers[0].output, activation);
  EXPECT_EQ(model.layers[1].input, activation);
  EXPECT_EQ(model.layers[2].input, activation);
  EXPECT_FALSE(model.layers[2].output.has_value());
}

TEST(CompileModel, NamesParametersByInstanceLabelAndRole) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  std::set<std::string> names;
  int64_t elements = 0;
  for (const Parameter& parameter : model.parameters) {
    EXPECT_TRUE(names.insert(parameter.name).second) << parameter.name;
    elements += parameter.type.shape.Elements();
  }
  EXPECT_TRUE(names.contains("block[1].attn.qkv.weight"));
  EXPECT_TRUE(names.contains("embed.positions.weight"));
  EXPECT_TRUE(names.contains("head.linear.weight"));
  EXPECT_EQ(model.parameters.front().name, "embed.embedding.weight");
  EXPECT_EQ(model.parameters.back().name, "head.linear.weight");
  int64_t of_layers = 0;
  for (const CompiledInstance& instance : model.instances) {
    of_layers += model.layers[static_cast<size_t>(instance.layer)].parameter_elements;
  }
  EXPECT_EQ(of_layers, elements);
}

TEST(CompileModel, ATiedWeightIsAnotherUseOfTheTable) {
  const CompiledModel model = CompileModel(TinyGpt({.tied = "embed"}), 2);
  const CompiledInstance& embed = model.instances.front();
  const CompiledInstance& head = model.instances.back();
  const ParameterUse table = embed.parameters.front();
  const ParameterUse tied = head.parameters.back();
  EXPECT_EQ(table.use, 0);
  EXPECT_EQ(tied.use, 1);
  EXPECT_EQ(tied.parameter, table.parameter);
  const Parameter& parameter = model.parameters[table.parameter.index()];
  EXPECT_EQ(parameter.name, "embed.embedding.weight");
  EXPECT_EQ(parameter.aliases, std::vector<std::string>{"head.linear.weight"});
  for (const Parameter& each : model.parameters) EXPECT_NE(each.name, "head.linear.weight");
}

TEST(CompileModel, ATableMayBeTiedWithinItsLayer) {
  const TinySizes sizes;
  CheckedOperation logits = LinearOf("linear", 8, 11, false);
  logits.tied = "all";
  const CompiledModel model = CompileModel(
      ProgramOf(sizes, {{.name = "all",
                         .operations = {EmbeddingOf(sizes),
                                        logits,
                                        {.kind = LayerOpKind::kCrossEntropy, .label = "loss"}}}}),
      2);
  ASSERT_EQ(model.parameters.size(), 1u);
  ASSERT_EQ(model.instances[0].parameters.size(), 2u);
  EXPECT_EQ(model.instances[0].parameters[1].use, 1);
  // Between the two halves of the only layer, the gradients of the logits and of the embedding.
  EXPECT_TRUE(model.layers[0].input_grad.valid());
  EXPECT_GT(model.layers[0].stash_bytes, 0);
}

TEST(LayersText, ShowsGraphsGradientsAndFunctions) {
  const std::string text = LayersText(TinyGpt({}), 2);
  for (const char* part :
       {"layer block\n", "  parameter attn.qkv.weight f32[24, 8], normal 0.02\n",
        "  attn f32[2, 6, 8], attn.lse f32[2, 2, 6] = attention(attn.qkv) with heads 2, kv_heads 2",
        "  W  d_attn.out.weight, d_attn.out.bias += linear_weight_grad(attn, d_residual",
        "function @block.weight_grad", "loss cross_entropy\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nis not in\n" << text;
  }
}

// Typically under a millisecond; the bound only catches a cost that grows with the instances.
TEST(CompileModel, IsFast) {
  const CheckedProgram program = TinyGpt({.sequence = 1024, .width = 64, .depth = 24});
  const auto start = std::chrono::steady_clock::now();
  const CompiledModel model = CompileModel(program, 1);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(model.instances.size(), 26u);
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
  RecordProperty("microseconds", std::to_string(microseconds));
  EXPECT_LT(microseconds, 100'000);
}

}  // namespace
}  // namespace pprun
