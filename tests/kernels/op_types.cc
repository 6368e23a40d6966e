#include "tests/kernels/op_types.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace pprun::kernels {
namespace {

bool IsOneOf(OpKind kind, std::initializer_list<OpKind> kinds) {
  for (const OpKind each : kinds) {
    if (kind == each) return true;
  }
  return false;
}

bool IsRope(OpKind kind) { return IsOneOf(kind, {OpKind::kRope, OpKind::kRopeGrad}); }

bool IsLoss(OpKind kind) {
  return IsOneOf(kind,
                 {OpKind::kCrossEntropy, OpKind::kCrossEntropyGrad, OpKind::kCrossEntropyWithGrad,
                  OpKind::kMeanSquaredError, OpKind::kMeanSquaredErrorGrad});
}

bool IsLinear(OpKind kind) {
  return IsOneOf(kind,
                 {OpKind::kLinear, OpKind::kLinearInputGrad, OpKind::kLinearWeightGrad,
                  OpKind::kLinearAdd, OpKind::kLinearGeluTanh, OpKind::kLinearInputGradGeluTanh});
}

}  // namespace

bool IsAlwaysFloat(std::string_view name) {
  constexpr std::string_view kAlways[] = {"mean", "rstd", "lse", "dtable", "dweight", "dbias"};
  return std::ranges::find(kAlways, name) != std::end(kAlways);
}

TensorType OperandType(OpKind kind, std::string_view name, const OpSizes& n) {
  const int64_t width = n.heads * n.head_width;
  const Shape activation = {n.samples, n.positions, width};
  const Shape packed = {n.samples, n.positions, (n.heads + 2 * n.kv_heads) * n.head_width};
  const Shape vocabulary = {n.samples, n.positions, n.vocabulary};
  const Shape outputs = {n.samples, n.positions, n.outputs};
  const auto is = [&](std::initializer_list<std::string_view> names) {
    for (const std::string_view each : names) {
      if (name == each) return true;
    }
    return false;
  };
  if (is({"tokens", "targets"})) return {DType::kI32, {n.samples, n.positions}};
  if (name == "loss") return {DType::kF64, {}};
  if (is({"table", "dtable"})) {
    const bool is_embedding = IsOneOf(kind, {OpKind::kEmbedding, OpKind::kEmbeddingWeightGrad});
    return {DType::kF32, {is_embedding ? n.vocabulary : n.positions + 3, width}};
  }
  if (IsLinear(kind)) {
    if (is({"weight", "dweight"})) return {DType::kF32, {n.outputs, width}};
    if (is({"bias", "dbias"})) return {DType::kF32, {n.outputs}};
    if (is({"y", "dy", "a"})) return {DType::kF32, outputs};
    if (name == "pre" && kind == OpKind::kLinearGeluTanh) return {DType::kF32, outputs};
    return {DType::kF32, activation};
  }
  if (is({"weight", "dweight", "bias", "dbias"})) return {DType::kF32, {width}};
  if (is({"mean", "rstd"})) return {DType::kF32, {n.samples, n.positions}};
  if (name == "lse") {
    return IsLoss(kind) ? TensorType{DType::kF32, {n.samples, n.positions}}
                        : TensorType{DType::kF32, {n.samples, n.heads, n.positions}};
  }
  if (is({"qkv", "dqkv"}) || IsRope(kind)) return {DType::kF32, packed};
  if (IsLoss(kind)) return {DType::kF32, vocabulary};
  return {DType::kF32, activation};
}

OpAttributes AttributesOf(const OpSizes& sizes) {
  return {.heads = static_cast<int32_t>(sizes.heads),
          .kv_heads = static_cast<int32_t>(sizes.kv_heads),
          .rope_theta = 10000,
          .epsilon = 1e-5F,
          .probability = 0.25F,
          .loss_scale = 1.0 / static_cast<double>(sizes.samples * sizes.positions),
          .random_key = 3};
}

std::vector<OpKind> AllOpKinds() {
  std::vector<OpKind> kinds;
  for (int kind = 0; kind < kOpKindCount; ++kind) kinds.push_back(static_cast<OpKind>(kind));
  return kinds;
}

}  // namespace pprun::kernels
