#include "compiler/plan/operation.h"

#include <array>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr auto kRead = Access::kRead;
constexpr auto kWrite = Access::kWrite;
constexpr auto kAccumulate = Access::kAccumulate;
constexpr auto kOptional = OperandSignature::Presence::kOptional;

// Shapes: tokens, targets i32[b, s]; activations [b, s, d]; weights [n, d] (outputs first); norms'
// statistics f32[b, s]; qkv [b, s, (h + 2k) c], queries first, then keys, then values; attention's
// lse f32[b, h, s].
constexpr OperandSignature kEmbedding[] = {{"tokens"}, {"table"}, {"y", kWrite}};
constexpr OperandSignature kEmbeddingWeightGrad[] = {{"tokens"}, {"dy"}, {"dtable", kAccumulate}};
constexpr OperandSignature kPositions[] = {{"x"}, {"table"}, {"y", kWrite}};
constexpr OperandSignature kPositionsWeightGrad[] = {{"dy"}, {"dtable", kAccumulate}};
constexpr OperandSignature kLinear[] = {
    {"x"}, {"weight"}, {"bias", kRead, kOptional}, {"y", kWrite}};
constexpr OperandSignature kLinearInputGrad[] = {{"dy"}, {"weight"}, {"dx", kWrite}};
constexpr OperandSignature kLinearWeightGrad[] = {
    {"x"}, {"dy"}, {"dweight", kAccumulate}, {"dbias", kAccumulate, kOptional}};
constexpr OperandSignature kLinearAdd[] = {
    {"x"}, {"weight"}, {"bias", kRead, kOptional}, {"a"}, {"y", kWrite}};
constexpr OperandSignature kLinearGeluTanh[] = {
    {"x"}, {"weight"}, {"bias", kRead, kOptional}, {"pre", kWrite}, {"y", kWrite}};
constexpr OperandSignature kLinearInputGradGeluTanh[] = {
    {"dy"}, {"weight"}, {"pre"}, {"dpre", kWrite}};
constexpr OperandSignature kLayerNorm[] = {{"x"},         {"weight"},       {"bias"},
                                           {"y", kWrite}, {"mean", kWrite}, {"rstd", kWrite}};
constexpr OperandSignature kAddLayerNorm[] = {
    {"a"},           {"b"},         {"weight"},       {"bias"},
    {"sum", kWrite}, {"y", kWrite}, {"mean", kWrite}, {"rstd", kWrite}};
// `passed` is what reaches x's gradient by another way, and is added.
constexpr OperandSignature kLayerNormInputGrad[] = {
    {"x"}, {"dy"}, {"weight"}, {"mean"}, {"rstd"}, {"passed", kRead, kOptional}, {"dx", kWrite}};
constexpr OperandSignature kLayerNormWeightGrad[] = {
    {"x"}, {"dy"}, {"mean"}, {"rstd"}, {"dweight", kAccumulate}, {"dbias", kAccumulate}};
constexpr OperandSignature kRmsNorm[] = {{"x"}, {"weight"}, {"y", kWrite}, {"rstd", kWrite}};
constexpr OperandSignature kAddRmsNorm[] = {{"a"},           {"b"},         {"weight"},
                                            {"sum", kWrite}, {"y", kWrite}, {"rstd", kWrite}};
constexpr OperandSignature kRmsNormInputGrad[] = {
    {"x"}, {"dy"}, {"weight"}, {"rstd"}, {"passed", kRead, kOptional}, {"dx", kWrite}};
constexpr OperandSignature kRmsNormWeightGrad[] = {
    {"x"}, {"dy"}, {"rstd"}, {"dweight", kAccumulate}};
constexpr OperandSignature kUnary[] = {{"x"}, {"y", kWrite}};
constexpr OperandSignature kUnaryGrad[] = {{"x"}, {"dy"}, {"dx", kWrite}};
constexpr OperandSignature kSwiglu[] = {{"gate"}, {"up"}, {"y", kWrite}};
constexpr OperandSignature kSwigluGrad[] = {
    {"gate"}, {"up"}, {"dy"}, {"dgate", kWrite}, {"dup", kWrite}};
constexpr OperandSignature kAttention[] = {{"qkv"}, {"y", kWrite}, {"lse", kWrite}};
constexpr OperandSignature kAttentionGrad[] = {{"qkv"}, {"y"}, {"lse"}, {"dy"}, {"dqkv", kWrite}};
constexpr OperandSignature kAdd[] = {{"a"}, {"b"}, {"y", kWrite}};
// The loss is f64[]: loss_scale times the sum over the tokens of this microbatch; lse f32[b, s].
constexpr OperandSignature kCrossEntropy[] = {
    {"logits"}, {"targets"}, {"loss", kWrite}, {"lse", kWrite}};
constexpr OperandSignature kCrossEntropyGrad[] = {
    {"logits"}, {"targets"}, {"lse"}, {"dlogits", kWrite}};
constexpr OperandSignature kCrossEntropyWithGrad[] = {
    {"logits"},
    {"targets"},
    {"loss", kWrite},
    {"dlogits", kWrite, OperandSignature::Presence::kRequired, 0}};
constexpr OperandSignature kMeanSquaredError[] = {{"x"}, {"targets"}, {"loss", kWrite}};
constexpr OperandSignature kMeanSquaredErrorGrad[] = {{"x"}, {"targets"}, {"dx", kWrite}};

// In the order of OpKind; operation_test.cc checks that.
constexpr std::array<OpSignature, kOpKindCount> kSignatures = {{
    {OpKind::kEmbedding, "embedding", kEmbedding},
    {OpKind::kEmbeddingWeightGrad, "embedding_weight_grad", kEmbeddingWeightGrad},
    {OpKind::kPositions, "positions", kPositions},
    {OpKind::kPositionsWeightGrad, "positions_weight_grad", kPositionsWeightGrad},
    {OpKind::kLinear, "linear", kLinear},
    {OpKind::kLinearInputGrad, "linear_input_grad", kLinearInputGrad},
    {OpKind::kLinearWeightGrad, "linear_weight_grad", kLinearWeightGrad},
    {OpKind::kLinearAdd, "linear_add", kLinearAdd},
    {OpKind::kLinearGeluTanh, "linear_gelu_tanh", kLinearGeluTanh},
    {OpKind::kLinearInputGradGeluTanh, "linear_input_grad_gelu_tanh", kLinearInputGradGeluTanh},
    {OpKind::kLayerNorm, "layer_norm", kLayerNorm},
    {OpKind::kAddLayerNorm, "add_layer_norm", kAddLayerNorm},
    {OpKind::kLayerNormInputGrad, "layer_norm_input_grad", kLayerNormInputGrad},
    {OpKind::kLayerNormWeightGrad, "layer_norm_weight_grad", kLayerNormWeightGrad},
    {OpKind::kRmsNorm, "rms_norm", kRmsNorm},
    {OpKind::kAddRmsNorm, "add_rms_norm", kAddRmsNorm},
    {OpKind::kRmsNormInputGrad, "rms_norm_input_grad", kRmsNormInputGrad},
    {OpKind::kRmsNormWeightGrad, "rms_norm_weight_grad", kRmsNormWeightGrad},
    {OpKind::kGelu, "gelu", kUnary},
    {OpKind::kGeluGrad, "gelu_grad", kUnaryGrad},
    {OpKind::kGeluTanh, "gelu_tanh", kUnary},
    {OpKind::kGeluTanhGrad, "gelu_tanh_grad", kUnaryGrad},
    {OpKind::kSilu, "silu", kUnary},
    {OpKind::kSiluGrad, "silu_grad", kUnaryGrad},
    {OpKind::kRelu, "relu", kUnary},
    {OpKind::kReluGrad, "relu_grad", kUnaryGrad},
    {OpKind::kSwiglu, "swiglu", kSwiglu},
    {OpKind::kSwigluGrad, "swiglu_grad", kSwigluGrad},
    {OpKind::kRope, "rope", kUnary},
    {OpKind::kRopeGrad, "rope_grad", kUnary},
    {OpKind::kAttention, "attention", kAttention},
    {OpKind::kAttentionGrad, "attention_grad", kAttentionGrad},
    {OpKind::kAdd, "add", kAdd},
    {OpKind::kDropout, "dropout", kUnary},
    {OpKind::kCrossEntropy, "cross_entropy", kCrossEntropy},
    {OpKind::kCrossEntropyGrad, "cross_entropy_grad", kCrossEntropyGrad},
    {OpKind::kCrossEntropyWithGrad, "cross_entropy_with_grad", kCrossEntropyWithGrad},
    {OpKind::kMeanSquaredError, "mean_squared_error", kMeanSquaredError},
    {OpKind::kMeanSquaredErrorGrad, "mean_squared_error_grad", kMeanSquaredErrorGrad},
}};

}  // namespace

const OpSignature& Signature(OpKind kind) {
  CHECK(static_cast<size_t>(kind) < kSignatures.size());
  return kSignatures[static_cast<size_t>(kind)];
}

std::string_view Name(OpKind kind) { return Signature(kind).name; }

std::optional<OpKind> OpKindNamed(std::string_view name) {
  for (const OpSignature& signature : kSignatures) {
    if (signature.name == name) return signature.kind;
  }
  return std::nullopt;
}

}  // namespace pprun
