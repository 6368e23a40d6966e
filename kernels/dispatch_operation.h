// From an operation of the plan to its launcher, for any queue: one switch with a case for every
// kind, whose launchers are overloaded by the queue's type. Included by dispatch*.cc only. Tests:
// dispatch_test.cc.
#pragma once

#include <span>

#include "compiler/plan/base/check.h"
#include "compiler/plan/operation.h"
#include "kernels/activation.h"
#include "kernels/add.h"
#include "kernels/attention.h"
#include "kernels/cross_entropy.h"
#include "kernels/dropout.h"
#include "kernels/embedding.h"
#include "kernels/layer_norm.h"
#include "kernels/linear.h"
#include "kernels/mean_squared_error.h"
#include "kernels/positions.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"

namespace pprun::kernels {

template <class Queue>
void LaunchOperation(const Queue& queue, OpKind kind, const OpAttributes& attributes,
                     std::span<const Tensor> operands, const RandomKey& key) {
  CHECK(operands.size() == Signature(kind).operands.size());
  const auto& o = operands;
  const AttentionHeads heads = {attributes.heads, attributes.kv_heads};
  const RopeSizes rope = {attributes.heads, attributes.kv_heads, attributes.rope_theta};
  switch (kind) {
    case OpKind::kEmbedding:
      return LaunchEmbedding(queue, o[0], o[1], o[2]);
    case OpKind::kEmbeddingWeightGrad:
      return LaunchEmbeddingWeightGrad(queue, o[0], o[1], o[2]);
    case OpKind::kPositions:
      return LaunchPositions(queue, o[0], o[1], o[2]);
    case OpKind::kPositionsWeightGrad:
      return LaunchPositionsWeightGrad(queue, o[0], o[1]);
    case OpKind::kLinear:
      return LaunchLinear(queue, o[0], o[1], o[2], o[3]);
    case OpKind::kLinearInputGrad:
      return LaunchLinearInputGrad(queue, o[0], o[1], o[2]);
    case OpKind::kLinearWeightGrad:
      return LaunchLinearWeightGrad(queue, o[0], o[1], o[2], o[3]);
    case OpKind::kLinearAdd:
      return LaunchLinearAdd(queue, o[0], o[1], o[2], o[3], o[4]);
    case OpKind::kLinearGeluTanh:
      return LaunchLinearGeluTanh(queue, o[0], o[1], o[2], o[3], o[4]);
    case OpKind::kLinearInputGradGeluTanh:
      return LaunchLinearInputGradGeluTanh(queue, o[0], o[1], o[2], o[3]);
    case OpKind::kLayerNorm:
      return LaunchLayerNorm(queue, o[0], o[1], o[2], o[3], o[4], o[5], attributes.epsilon);
    case OpKind::kAddLayerNorm:
      return LaunchAddLayerNorm(queue, o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7],
                                attributes.epsilon);
    case OpKind::kLayerNormInputGrad:
      return LaunchLayerNormInputGrad(queue, o[0], o[1], o[2], o[3], o[4], o[5], o[6]);
    case OpKind::kLayerNormWeightGrad:
      return LaunchLayerNormWeightGrad(queue, o[0], o[1], o[2], o[3], o[4], o[5]);
    case OpKind::kRmsNorm:
      return LaunchRmsNorm(queue, o[0], o[1], o[2], o[3], attributes.epsilon);
    case OpKind::kAddRmsNorm:
      return LaunchAddRmsNorm(queue, o[0], o[1], o[2], o[3], o[4], o[5], attributes.epsilon);
    case OpKind::kRmsNormInputGrad:
      return LaunchRmsNormInputGrad(queue, o[0], o[1], o[2], o[3], o[4], o[5]);
    case OpKind::kRmsNormWeightGrad:
      return LaunchRmsNormWeightGrad(queue, o[0], o[1], o[2], o[3]);
    case OpKind::kGelu:
      return LaunchGelu(queue, o[0], o[1]);
    case OpKind::kGeluGrad:
      return LaunchGeluGrad(queue, o[0], o[1], o[2]);
    case OpKind::kGeluTanh:
      return LaunchGeluTanh(queue, o[0], o[1]);
    case OpKind::kGeluTanhGrad:
      return LaunchGeluTanhGrad(queue, o[0], o[1], o[2]);
    case OpKind::kSilu:
      return LaunchSilu(queue, o[0], o[1]);
    case OpKind::kSiluGrad:
      return LaunchSiluGrad(queue, o[0], o[1], o[2]);
    case OpKind::kRelu:
      return LaunchRelu(queue, o[0], o[1]);
    case OpKind::kReluGrad:
      return LaunchReluGrad(queue, o[0], o[1], o[2]);
    case OpKind::kSwiglu:
      return LaunchSwiglu(queue, o[0], o[1], o[2]);
    case OpKind::kSwigluGrad:
      return LaunchSwigluGrad(queue, o[0], o[1], o[2], o[3], o[4]);
    case OpKind::kRope:
      return LaunchRope(queue, o[0], o[1], rope);
    case OpKind::kRopeGrad:
      return LaunchRopeGrad(queue, o[0], o[1], rope);
    case OpKind::kAttention:
      return LaunchAttention(queue, o[0], o[1], o[2], heads);
    case OpKind::kAttentionGrad:
      return LaunchAttentionGrad(queue, o[0], o[1], o[2], o[3], o[4], heads);
    case OpKind::kAdd:
      return LaunchAdd(queue, o[0], o[1], o[2]);
    case OpKind::kDropout:
      return LaunchDropout(queue, o[0], o[1], attributes.probability, key);
    case OpKind::kCrossEntropy:
      return LaunchCrossEntropy(queue, o[0], o[1], o[2], o[3], attributes.loss_scale);
    case OpKind::kCrossEntropyGrad:
      return LaunchCrossEntropyGrad(queue, o[0], o[1], o[2], o[3], attributes.loss_scale);
    case OpKind::kCrossEntropyWithGrad:
      return LaunchCrossEntropyWithGrad(queue, o[0], o[1], o[2], o[3], attributes.loss_scale);
    case OpKind::kMeanSquaredError:
      return LaunchMeanSquaredError(queue, o[0], o[1], o[2], attributes.loss_scale);
    case OpKind::kMeanSquaredErrorGrad:
      return LaunchMeanSquaredErrorGrad(queue, o[0], o[1], o[2], attributes.loss_scale);
  }
  CHECK(false);
}

}  // namespace pprun::kernels
