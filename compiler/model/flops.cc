#include "compiler/model/flops.h"

#include <cstddef>
#include <vector>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Causal attention: half of two products [s, c] x [c, s] and [s, s] x [s, c], for every sample and
// head.
double AttentionFlops(const TensorType& y) {
  const double samples = static_cast<double>(y.shape[0]);
  const double sequence = static_cast<double>(y.shape[1]);
  const double width = static_cast<double>(y.shape[2]);
  return 2 * samples * sequence * sequence * width;
}

}  // namespace

double FlopsOf(const std::vector<GraphValue>& values, const GraphOperation& operation) {
  const auto type = [&](size_t operand) -> const TensorType& {
    return values[operation.operands[operand].index()].type;
  };
  // T tokens times the weight's elements.
  const auto product = [&](size_t tokens, const Shape& weight) {
    const Shape& shape = type(tokens).shape;
    return 2.0 * static_cast<double>(shape[0] * shape[1]) * static_cast<double>(weight.Elements());
  };
  switch (operation.kind) {
    case OpKind::kLinear:
    case OpKind::kLinearInputGrad:
    case OpKind::kLinearAdd:
    case OpKind::kLinearGeluTanh:
    case OpKind::kLinearInputGradGeluTanh:
      return product(0, type(1).shape);
    case OpKind::kLinearWeightGrad:
      return product(0, type(2).shape);
    case OpKind::kAttention:
      return AttentionFlops(type(1));
    case OpKind::kAttentionGrad:
      return 2 * AttentionFlops(type(1));
    case OpKind::kEmbedding:
    case OpKind::kEmbeddingWeightGrad:
    case OpKind::kPositions:
    case OpKind::kPositionsWeightGrad:
    case OpKind::kLayerNorm:
    case OpKind::kAddLayerNorm:
    case OpKind::kLayerNormInputGrad:
    case OpKind::kLayerNormWeightGrad:
    case OpKind::kRmsNorm:
    case OpKind::kAddRmsNorm:
    case OpKind::kRmsNormInputGrad:
    case OpKind::kRmsNormWeightGrad:
    case OpKind::kGelu:
    case OpKind::kGeluGrad:
    case OpKind::kGeluTanh:
    case OpKind::kGeluTanhGrad:
    case OpKind::kSilu:
    case OpKind::kSiluGrad:
    case OpKind::kRelu:
    case OpKind::kReluGrad:
    case OpKind::kSwiglu:
    case OpKind::kSwigluGrad:
    case OpKind::kRope:
    case OpKind::kRopeGrad:
    case OpKind::kAdd:
    case OpKind::kDropout:
    case OpKind::kCrossEntropy:
    case OpKind::kCrossEntropyGrad:
    case OpKind::kCrossEntropyWithGrad:
    case OpKind::kMeanSquaredError:
    case OpKind::kMeanSquaredErrorGrad:
      return 0;
  }
  CHECK(false);
  return 0;
}

}  // namespace pprun
