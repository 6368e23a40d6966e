#include "compiler/model/hf_names.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pprun {
namespace {

using Layout = ExportPart::Layout;
using Operations = std::vector<const CheckedOperation*>;

// Parts by the parameter's name within its layer.
using LayerExports = std::map<std::string, std::vector<ExportPart>>;

enum class Family : uint8_t { kGpt2, kLlama };

LayerOpKind NormOf(Family family) {
  return family == Family::kGpt2 ? LayerOpKind::kLayerNorm : LayerOpKind::kRmsNorm;
}

Operations WithoutDropouts(const std::vector<CheckedOperation>& operations) {
  Operations kept;
  for (const CheckedOperation& operation : operations) {
    if (operation.kind != LayerOpKind::kDropout) kept.push_back(&operation);
  }
  return kept;
}

bool IsActivation(LayerOpKind kind) {
  return kind == LayerOpKind::kGelu || kind == LayerOpKind::kGeluTanh ||
         kind == LayerOpKind::kSilu || kind == LayerOpKind::kRelu;
}

bool IsLoss(LayerOpKind kind) {
  return kind == LayerOpKind::kCrossEntropy || kind == LayerOpKind::kMeanSquaredError;
}

bool KindsAre(const Operations& operations, const std::vector<LayerOpKind>& kinds) {
  if (operations.size() != kinds.size()) return false;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (operations[i]->kind != kinds[i]) return false;
  }
  return true;
}

void Whole(LayerExports& exports, const std::string& from, const std::string& to, int64_t rows,
           Layout layout = Layout::kAsIs) {
  exports[from] = {{.name = to, .row_begin = 0, .row_end = rows, .layout = layout}};
}

void Norm(LayerExports& exports, const CheckedOperation& norm, const std::string& to) {
  Whole(exports, norm.label + ".weight", to + ".weight", norm.width_out);
  if (norm.kind == LayerOpKind::kLayerNorm) {
    Whole(exports, norm.label + ".bias", to + ".bias", norm.width_out);
  }
}

void Projection(LayerExports& exports, const std::string& from, const std::string& to, int64_t rows,
                Layout layout) {
  Whole(exports, from + ".weight", to + ".weight", rows, layout);
  Whole(exports, from + ".bias", to + ".bias", rows);
}

int64_t HeadWidth(const CheckedOperation& attention) {
  return attention.width_in / attention.heads;
}

std::optional<LayerExports> Gpt2Block(const Operations& first, const Operations& second,
                                      const std::string& prefix) {
  if (!KindsAre(first, {LayerOpKind::kLayerNorm, LayerOpKind::kAttention})) return std::nullopt;
  const CheckedOperation& attention = *first[1];
  if (attention.kv_heads != attention.heads || attention.rope_theta > 0) return std::nullopt;
  if (second.size() != 4 || !IsActivation(second[2]->kind) ||
      !KindsAre({second[0], second[1], second[3]},
                {LayerOpKind::kLayerNorm, LayerOpKind::kLinear, LayerOpKind::kLinear})) {
    return std::nullopt;
  }
  LayerExports exports;
  const Layout conv = Layout::kTransposed;
  Norm(exports, *first[0], prefix + "ln_1");
  Projection(exports, attention.label + ".qkv", prefix + "attn.c_attn", 3 * attention.width_in,
             conv);
  Projection(exports, attention.label + ".out", prefix + "attn.c_proj", attention.width_out, conv);
  Norm(exports, *second[0], prefix + "ln_2");
  Projection(exports, second[1]->label, prefix + "mlp.c_fc", second[1]->width_out, conv);
  Projection(exports, second[3]->label, prefix + "mlp.c_proj", second[3]->width_out, conv);
  return exports;
}

// One fused parameter ("weight" or "bias") becomes three.
void SplitQkv(LayerExports& exports, const CheckedOperation& attention, const std::string& prefix,
              const std::string& role) {
  const int64_t queries = attention.heads * HeadWidth(attention);
  const int64_t keys = attention.kv_heads * HeadWidth(attention);
  exports[attention.label + ".qkv." + role] = {
      {.name = prefix + "self_attn.q_proj." + role, .row_begin = 0, .row_end = queries},
      {.name = prefix + "self_attn.k_proj." + role,
       .row_begin = queries,
       .row_end = queries + keys},
      {.name = prefix + "self_attn.v_proj." + role,
       .row_begin = queries + keys,
       .row_end = queries + 2 * keys}};
}

std::optional<LayerExports> LlamaBlock(const Operations& first, const Operations& second,
                                       const std::string& prefix) {
  if (!KindsAre(first, {LayerOpKind::kRmsNorm, LayerOpKind::kAttention}) ||
      !KindsAre(second, {LayerOpKind::kRmsNorm, LayerOpKind::kSwiglu, LayerOpKind::kLinear})) {
    return std::nullopt;
  }
  LayerExports exports;
  const CheckedOperation& attention = *first[1];
  const CheckedOperation& swiglu = *second[1];
  Norm(exports, *first[0], prefix + "input_layernorm");
  SplitQkv(exports, attention, prefix, "weight");
  SplitQkv(exports, attention, prefix, "bias");
  Projection(exports, attention.label + ".out", prefix + "self_attn.o_proj", attention.width_out,
             Layout::kAsIs);
  Norm(exports, *second[0], prefix + "post_attention_layernorm");
  Projection(exports, swiglu.label + ".gate", prefix + "mlp.gate_proj", swiglu.hidden,
             Layout::kAsIs);
  Projection(exports, swiglu.label + ".up", prefix + "mlp.up_proj", swiglu.hidden, Layout::kAsIs);
  Projection(exports, second[2]->label, prefix + "mlp.down_proj", second[2]->width_out,
             Layout::kAsIs);
  return exports;
}

std::optional<LayerExports> Block(const CheckedLayer& layer, Family family, int64_t number) {
  const Operations residuals = WithoutDropouts(layer.operations);
  if (!KindsAre(residuals, {LayerOpKind::kResidual, LayerOpKind::kResidual})) return std::nullopt;
  const Operations first = WithoutDropouts(residuals[0]->body);
  const Operations second = WithoutDropouts(residuals[1]->body);
  const std::string index = std::to_string(number) + ".";
  return family == Family::kGpt2 ? Gpt2Block(first, second, "transformer.h." + index)
                                 : LlamaBlock(first, second, "model.layers." + index);
}

std::optional<LayerExports> Embedding(const CheckedLayer& layer, Family family) {
  const Operations operations = WithoutDropouts(layer.operations);
  LayerExports exports;
  if (family == Family::kGpt2) {
    if (!KindsAre(operations, {LayerOpKind::kEmbedding, LayerOpKind::kPositions})) {
      return std::nullopt;
    }
    Whole(exports, operations[0]->label + ".weight", "transformer.wte.weight",
          operations[0]->vocabulary);
    Whole(exports, operations[1]->label + ".weight", "transformer.wpe.weight",
          operations[1]->context);
    return exports;
  }
  if (!KindsAre(operations, {LayerOpKind::kEmbedding})) return std::nullopt;
  Whole(exports, operations[0]->label + ".weight", "model.embed_tokens.weight",
        operations[0]->vocabulary);
  return exports;
}

std::optional<LayerExports> Head(const CheckedLayer& layer, Family family) {
  const Operations operations = WithoutDropouts(layer.operations);
  if (operations.size() != 3 || !IsLoss(operations[2]->kind) ||
      !KindsAre({operations[0], operations[1]}, {NormOf(family), LayerOpKind::kLinear})) {
    return std::nullopt;
  }
  LayerExports exports;
  Norm(exports, *operations[0], family == Family::kGpt2 ? "transformer.ln_f" : "model.norm");
  Projection(exports, operations[1]->label, "lm_head", operations[1]->width_out, Layout::kAsIs);
  return exports;
}

std::optional<Family> FamilyNamed(const std::string& names) {
  if (names == "huggingface(gpt2)") return Family::kGpt2;
  if (names == "huggingface(llama)") return Family::kLlama;
  return std::nullopt;
}

// By instance; empty where the family has no such layer.
std::vector<std::optional<LayerExports>> FamilyExports(const CheckedProgram& program,
                                                       const CompiledModel& model, Family family) {
  std::vector<std::optional<LayerExports>> all;
  int64_t blocks = 0;
  for (const CompiledInstance& instance : model.instances) {
    const CheckedLayer& layer = program.model->layers[static_cast<size_t>(instance.layer)];
    std::optional<LayerExports> exports = Block(layer, family, blocks);
    if (exports) {
      ++blocks;
    } else {
      exports = Embedding(layer, family);
    }
    if (!exports) exports = Head(layer, family);
    all.push_back(std::move(exports));
  }
  return all;
}

// Null if the family has no name for it.
const std::vector<ExportPart>* FindParts(const std::optional<LayerExports>& exports,
                                         const CompiledInstance& instance,
                                         const Parameter& parameter) {
  if (!exports) return nullptr;
  const auto found = exports->find(parameter.name.substr(instance.name.size() + 1));
  return found == exports->end() ? nullptr : &found->second;
}

}  // namespace

void NameExports(const CheckedProgram& program, CompiledModel& model) {
  for (Parameter& parameter : model.parameters) {
    parameter.exports = {
        {.name = parameter.name, .row_begin = 0, .row_end = parameter.type.shape[0]}};
  }
  const std::optional<Family> family = FamilyNamed(program.train->names);
  if (!family) return;
  const auto exports = FamilyExports(program, model, *family);
  for (size_t i = 0; i < model.instances.size(); ++i) {
    for (const ParameterUse& use : model.instances[i].parameters) {
      // A tied use is saved under the table's name.
      if (use.use != 0) continue;
      Parameter& parameter = model.parameters[use.parameter.index()];
      const auto* parts = FindParts(exports[i], model.instances[i], parameter);
      if (parts != nullptr) parameter.exports = *parts;
    }
  }
}

std::optional<std::string> FindUnnamed(const CheckedProgram& program, const CompiledModel& model) {
  const std::optional<Family> family = FamilyNamed(program.train->names);
  if (!family) return std::nullopt;
  const auto exports = FamilyExports(program, model, *family);
  for (size_t i = 0; i < model.instances.size(); ++i) {
    for (const ParameterUse& use : model.instances[i].parameters) {
      const Parameter& parameter = model.parameters[use.parameter.index()];
      if (use.use != 0 || FindParts(exports[i], model.instances[i], parameter)) continue;
      return parameter.name;
    }
  }
  return std::nullopt;
}

void CheckNames(const CheckedProgram& program, const CompiledModel& model,
                Diagnostics& diagnostics) {
  const std::optional<std::string> unnamed = FindUnnamed(program, model);
  if (!unnamed) return;
  const ast::Location place = program.train->names_location;
  diagnostics
      .Error(place, "`" + program.train->names + "` has no name for `" + *unnamed +
                        "`: the model is not of that family")
      .Note(place, "without `names` weights are saved under their own names");
}

}  // namespace pprun
