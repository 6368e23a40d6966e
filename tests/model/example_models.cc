#include "tests/model/example_models.h"

#include <utility>

namespace pprun {
namespace {

CheckedOperation AttentionOf(const TinySizes& sizes, int64_t kv_heads, double rope_theta,
                             bool bias) {
  return {.kind = LayerOpKind::kAttention,
          .label = "attn",
          .width_in = sizes.width,
          .width_out = sizes.width,
          .heads = sizes.heads,
          .kv_heads = kv_heads,
          .rope_theta = rope_theta,
          .bias = bias};
}

CheckedOperation LossOf(const TinySizes& sizes) {
  return {
      .kind = LayerOpKind::kCrossEntropy, .label = "cross_entropy", .width_in = sizes.vocabulary};
}

CheckedLayer HeadOf(const TinySizes& sizes, LayerOpKind norm, std::string norm_label) {
  CheckedOperation logits = LinearOf("linear", sizes.width, sizes.vocabulary, false);
  logits.tied = sizes.tied;
  return {.name = "head",
          .operations = {NormOf(norm, std::move(norm_label), sizes.width), logits, LossOf(sizes)}};
}

void AppendDropout(std::vector<CheckedOperation>& operations, const TinySizes& sizes,
                   std::string label) {
  if (sizes.dropout == 0) return;
  operations.push_back(DropoutOf(std::move(label), sizes.width, sizes.dropout));
}

}  // namespace

CheckedOperation EmbeddingOf(const TinySizes& sizes) {
  return {.kind = LayerOpKind::kEmbedding,
          .label = "embedding",
          .width_out = sizes.width,
          .vocabulary = sizes.vocabulary};
}

CheckedOperation PositionsOf(const TinySizes& sizes) {
  return {.kind = LayerOpKind::kPositions,
          .label = "positions",
          .width_in = sizes.width,
          .width_out = sizes.width,
          .context = sizes.context};
}

CheckedOperation NormOf(LayerOpKind kind, std::string label, int64_t width) {
  return {.kind = kind,
          .label = std::move(label),
          .width_in = width,
          .width_out = width,
          .epsilon = 1e-5};
}

CheckedOperation LinearOf(std::string label, int64_t width_in, int64_t width_out, bool bias) {
  return {.kind = LayerOpKind::kLinear,
          .label = std::move(label),
          .width_in = width_in,
          .width_out = width_out,
          .bias = bias};
}

CheckedOperation ActivationOf(LayerOpKind kind, std::string label, int64_t width) {
  return {.kind = kind, .label = std::move(label), .width_in = width, .width_out = width};
}

CheckedOperation DropoutOf(std::string label, int64_t width, double probability) {
  return {.kind = LayerOpKind::kDropout,
          .label = std::move(label),
          .width_in = width,
          .width_out = width,
          .probability = probability};
}

CheckedOperation ResidualOf(std::string label, std::vector<CheckedOperation> body) {
  const int64_t width = body.front().width_in;
  return {.kind = LayerOpKind::kResidual,
          .label = std::move(label),
          .width_in = width,
          .width_out = width,
          .body = std::move(body)};
}

CheckedProgram ProgramOf(const TinySizes& sizes, std::vector<CheckedLayer> layers) {
  CheckedProgram program;
  program.model = CheckedModel{.name = "tiny",
                               .layers = std::move(layers),
                               .vocabulary = sizes.vocabulary,
                               .has_loss = true};
  program.train = CheckedTrain{};
  program.train->sequence = sizes.sequence;
  program.train->batch = sizes.batch;
  return program;
}

CheckedProgram TinyGpt(const TinySizes& sizes) {
  const int64_t width = sizes.width;
  std::vector<CheckedOperation> attention = {NormOf(LayerOpKind::kLayerNorm, "layer_norm", width),
                                             AttentionOf(sizes, sizes.heads, 0, true)};
  AppendDropout(attention, sizes, "dropout");
  std::vector<CheckedOperation> mlp = {NormOf(LayerOpKind::kLayerNorm, "layer_norm1", width),
                                       LinearOf("linear", width, 4 * width, true),
                                       ActivationOf(LayerOpKind::kGeluTanh, "gelu", 4 * width),
                                       LinearOf("linear1", 4 * width, width, true)};
  AppendDropout(mlp, sizes, "dropout1");
  return ProgramOf(
      sizes, {{.name = "embed", .operations = {EmbeddingOf(sizes), PositionsOf(sizes)}},
              {.name = "block",
               .repeat = sizes.depth,
               .indexed = true,
               .operations = {ResidualOf("residual", attention), ResidualOf("residual1", mlp)}},
              HeadOf(sizes, LayerOpKind::kLayerNorm, "layer_norm")});
}

CheckedProgram TinyLlama(const TinySizes& sizes) {
  const int64_t width = sizes.width;
  const CheckedOperation swiglu = {.kind = LayerOpKind::kSwiglu,
                                   .label = "swiglu",
                                   .width_in = width,
                                   .width_out = sizes.hidden,
                                   .hidden = sizes.hidden};
  return ProgramOf(
      sizes,
      {{.name = "embed", .operations = {EmbeddingOf(sizes)}},
       {.name = "block",
        .repeat = sizes.depth,
        .indexed = true,
        .operations = {ResidualOf("residual", {NormOf(LayerOpKind::kRmsNorm, "rms_norm", width),
                                               AttentionOf(sizes, sizes.kv_heads, 10000, false)}),
                       ResidualOf("residual1",
                                  {NormOf(LayerOpKind::kRmsNorm, "rms_norm1", width), swiglu,
                                   LinearOf("linear", sizes.hidden, width, false)})}},
       HeadOf(sizes, LayerOpKind::kRmsNorm, "rms_norm")});
}

}  // namespace pprun
