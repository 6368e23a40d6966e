#include "compiler/model/hf_names.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "compiler/model/model.h"
#include "tests/model/example_models.h"

namespace pprun {
namespace {

// "name rows [begin, end)" with " transposed", of every part, by pprun's name.
std::map<std::string, std::vector<std::string>> Exports(CheckedProgram program,
                                                        const std::string& names) {
  program.train->names = names;
  std::map<std::string, std::vector<std::string>> exports;
  for (const Parameter& parameter : CompileModel(program, 1).parameters) {
    for (const ExportPart& part : parameter.exports) {
      exports[parameter.name].push_back(
          part.name + " " + std::to_string(part.row_begin) + ".." + std::to_string(part.row_end) +
          (part.layout == ExportPart::Layout::kTransposed ? " transposed" : ""));
    }
  }
  return exports;
}

using Names = std::vector<std::string>;

TEST(HuggingFaceNames, Gpt2) {
  for (const double dropout : {0.0, 0.1}) {
    auto exports = Exports(TinyGpt({.dropout = dropout}), "huggingface(gpt2)");
    EXPECT_EQ(exports["embed.embedding.weight"], Names{"transformer.wte.weight 0..11"});
    EXPECT_EQ(exports["embed.positions.weight"], Names{"transformer.wpe.weight 0..8"});
    EXPECT_EQ(exports["block[1].layer_norm.bias"], Names{"transformer.h.1.ln_1.bias 0..8"});
    EXPECT_EQ(exports["block[1].attn.qkv.weight"],
              Names{"transformer.h.1.attn.c_attn.weight 0..24 transposed"});
    EXPECT_EQ(exports["block[1].attn.qkv.bias"], Names{"transformer.h.1.attn.c_attn.bias 0..24"});
    EXPECT_EQ(exports["block[0].attn.out.weight"],
              Names{"transformer.h.0.attn.c_proj.weight 0..8 transposed"});
    EXPECT_EQ(exports["block[0].layer_norm1.weight"], Names{"transformer.h.0.ln_2.weight 0..8"});
    EXPECT_EQ(exports["block[0].linear.weight"],
              Names{"transformer.h.0.mlp.c_fc.weight 0..32 transposed"});
    EXPECT_EQ(exports["block[0].linear1.weight"],
              Names{"transformer.h.0.mlp.c_proj.weight 0..8 transposed"});
    EXPECT_EQ(exports["block[0].linear1.bias"], Names{"transformer.h.0.mlp.c_proj.bias 0..8"});
    EXPECT_EQ(exports["head.layer_norm.weight"], Names{"transformer.ln_f.weight 0..8"});
    EXPECT_EQ(exports["head.linear.weight"], Names{"lm_head.weight 0..11"});
  }
}

TEST(HuggingFaceNames, ATiedHeadIsNotSavedAgain) {
  auto exports = Exports(TinyGpt({.tied = "embed"}), "huggingface(gpt2)");
  EXPECT_EQ(exports["embed.embedding.weight"], Names{"transformer.wte.weight 0..11"});
  EXPECT_EQ(exports.count("head.linear.weight"), 0u);
}

TEST(HuggingFaceNames, LlamaSplitsTheFusedProjection) {
  auto exports = Exports(TinyLlama({.kv_heads = 1}), "huggingface(llama)");
  EXPECT_EQ(exports["embed.embedding.weight"], Names{"model.embed_tokens.weight 0..11"});
  EXPECT_EQ(exports["block[1].attn.qkv.weight"],
            (Names{"model.layers.1.self_attn.q_proj.weight 0..8",
                   "model.layers.1.self_attn.k_proj.weight 8..12",
                   "model.layers.1.self_attn.v_proj.weight 12..16"}));
  EXPECT_EQ(exports["block[1].attn.out.weight"],
            Names{"model.layers.1.self_attn.o_proj.weight 0..8"});
  EXPECT_EQ(exports["block[0].rms_norm.weight"],
            Names{"model.layers.0.input_layernorm.weight 0..8"});
  EXPECT_EQ(exports["block[0].rms_norm1.weight"],
            Names{"model.layers.0.post_attention_layernorm.weight 0..8"});
  EXPECT_EQ(exports["block[0].swiglu.gate.weight"],
            Names{"model.layers.0.mlp.gate_proj.weight 0..12"});
  EXPECT_EQ(exports["block[0].swiglu.up.weight"], Names{"model.layers.0.mlp.up_proj.weight 0..12"});
  EXPECT_EQ(exports["block[0].linear.weight"], Names{"model.layers.0.mlp.down_proj.weight 0..8"});
  EXPECT_EQ(exports["head.rms_norm.weight"], Names{"model.norm.weight 0..8"});
  EXPECT_EQ(exports["head.linear.weight"], Names{"lm_head.weight 0..11"});
}

TEST(HuggingFaceNames, WhatIsNotRecognisedKeepsItsName) {
  auto own = Exports(TinyGpt({}), "");
  EXPECT_EQ(own["block[1].attn.qkv.weight"], Names{"block[1].attn.qkv.weight 0..24"});
  auto other = Exports(TinyLlama({}), "huggingface(gpt2)");
  EXPECT_EQ(other["block[1].attn.qkv.weight"], Names{"block[1].attn.qkv.weight 0..24"});
  EXPECT_EQ(other["head.linear.weight"], Names{"head.linear.weight 0..11"});
}

std::string Unnamed(CheckedProgram program, const std::string& names) {
  program.train->names = names;
  return FindUnnamed(program, CompileModel(program, 1)).value_or("");
}

TEST(HuggingFaceNames, EveryParameterOfTheFamilyHasAName) {
  EXPECT_EQ(Unnamed(TinyGpt({}), "huggingface(gpt2)"), "");
  EXPECT_EQ(Unnamed(TinyGpt({.tied = "embed"}), "huggingface(gpt2)"), "");
  EXPECT_EQ(Unnamed(TinyLlama({}), "huggingface(llama)"), "");
  EXPECT_EQ(Unnamed(TinyLlama({}), ""), "") << "pprun's own names fit every model";
}

TEST(HuggingFaceNames, TheFirstParameterWithoutANameIsFound) {
  EXPECT_EQ(Unnamed(TinyLlama({}), "huggingface(gpt2)"), "embed.embedding.weight");
  EXPECT_EQ(Unnamed(TinyGpt({}), "huggingface(llama)"), "embed.embedding.weight");
  CheckedProgram program = TinyGpt({});
  // Without its first residual a block is none of GPT-2's.
  std::vector<CheckedOperation>& block = program.model->layers[1].operations;
  block.erase(block.begin());
  EXPECT_EQ(Unnamed(program, "huggingface(gpt2)"), "block[0].layer_norm1.weight");
}

TEST(HuggingFaceNames, AModelOfAnotherFamilyIsReportedWhereTheNamesAreWritten) {
  CheckedProgram program = TinyLlama({});
  program.train->names = "huggingface(gpt2)";
  program.train->names_location = {.file = 0, .begin = 40, .end = 57};
  Diagnostics diagnostics;
  CheckNames(program, CompileModel(program, 1), diagnostics);
  ASSERT_EQ(diagnostics.errors(), 1);
  EXPECT_EQ(diagnostics.all()[0].location.begin, 40u);
  EXPECT_EQ(
      diagnostics.all()[0].message,
      "`huggingface(gpt2)` has no name for `embed.embedding.weight`: the model is not of that "
      "family");
  program.train->names = "huggingface(llama)";
  Diagnostics none;
  CheckNames(program, CompileModel(program, 1), none);
  EXPECT_FALSE(none.HasErrors());
}

}  // namespace
}  // namespace pprun
