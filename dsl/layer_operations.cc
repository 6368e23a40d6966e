// The operations of the language, as data. Tests: checker_test.cc.
#include "dsl/layer_operations.h"

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

CallParameter Required(std::string name) {
  return {std::move(name), CallParameter::Need::kRequired};
}
CallParameter Optional(std::string name) {
  return {std::move(name), CallParameter::Need::kOptional};
}

}  // namespace

const std::vector<OperationRule>& OperationRules() {
  static const std::vector<OperationRule> rules = {
      {"embedding", LayerOpKind::kEmbedding, {Required("vocab"), Required("width")}},
      {"positions", LayerOpKind::kPositions, {Required("context")}},
      {"layer_norm", LayerOpKind::kLayerNorm, {Optional("epsilon")}},
      {"rms_norm", LayerOpKind::kRmsNorm, {Optional("epsilon")}},
      {"linear", LayerOpKind::kLinear, {Required("width"), Optional("bias"), Optional("tied")}},
      {"gelu", LayerOpKind::kGelu, {Optional("approximate")}},
      {"silu", LayerOpKind::kSilu, {}},
      {"relu", LayerOpKind::kRelu, {}},
      {"swiglu", LayerOpKind::kSwiglu, {Required("hidden")}},
      {"attention",
       LayerOpKind::kAttention,
       {Required("heads"), Optional("kv_heads"), Optional("rope"), Optional("bias")}},
      {"residual", LayerOpKind::kResidual, {}},
      {"dropout", LayerOpKind::kDropout, {Required("p")}},
      {"cross_entropy", LayerOpKind::kCrossEntropy, {}},
      {"mean_squared_error", LayerOpKind::kMeanSquaredError, {}},
  };
  return rules;
}

std::string_view Name(LayerOpKind kind) {
  if (kind == LayerOpKind::kGeluTanh) kind = LayerOpKind::kGelu;
  for (const OperationRule& rule : OperationRules()) {
    if (rule.kind == kind) return rule.name;
  }
  CHECK(false && "an operation of the table");
}

}  // namespace pprun
