#include "compiler/model/gradient_rules.h"

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr GradientOperand F(int8_t operand) { return {GradientOperand::From::kForward, operand}; }
constexpr GradientOperand kAbsent = {GradientOperand::From::kAbsent, 0};
constexpr GradientOperand G(int8_t operand) { return {GradientOperand::From::kGradient, operand}; }

// F(i) is operand i of the forward operation as operation.cc orders them, G(i) its gradient.
// embedding: tokens, table, y. positions: x, table, y.
constexpr GradientOperand kEmbeddingWeight[] = {F(0), G(2), G(1)};
constexpr int8_t kPositionsPassed[] = {0};
constexpr GradientOperand kPositionsWeight[] = {G(2), G(1)};
// linear: x, weight, bias, y.
constexpr GradientOperand kLinearInput[] = {G(3), F(1), G(0)};
constexpr GradientOperand kLinearWeight[] = {F(0), G(3), G(1), G(2)};
// layer_norm: x, weight, bias, y, mean, rstd. rms_norm: x, weight, y, rstd.
constexpr GradientOperand kLayerNormInput[] = {F(0), G(3), F(1), F(4), F(5), kAbsent, G(0)};
constexpr GradientOperand kLayerNormWeight[] = {F(0), G(3), F(4), F(5), G(1), G(2)};
constexpr GradientOperand kRmsNormInput[] = {F(0), G(2), F(1), F(3), kAbsent, G(0)};
constexpr GradientOperand kRmsNormWeight[] = {F(0), G(2), F(3), G(1)};
// x, y; the linear ones among them do not need x.
constexpr GradientOperand kUnaryInput[] = {F(0), G(1), G(0)};
constexpr GradientOperand kLinearMapInput[] = {G(1), G(0)};
// swiglu: gate, up, y. attention: qkv, y, lse. add: a, b, y.
constexpr GradientOperand kSwigluInput[] = {F(0), F(1), G(2), G(0), G(1)};
constexpr GradientOperand kAttentionInput[] = {F(0), F(1), F(2), G(1), G(0)};
constexpr int8_t kAddPassed[] = {0, 1};
// cross_entropy: logits, targets, loss, lse. mean_squared_error: x, targets, loss.
constexpr GradientOperand kCrossEntropyInput[] = {F(0), F(1), F(3), G(0)};
constexpr GradientOperand kMeanSquaredErrorInput[] = {F(0), F(1), G(0)};

constexpr GradientRule kRules[] = {
    {.kind = OpKind::kEmbedding,
     .input = {},
     .weight = {OpKind::kEmbeddingWeightGrad, kEmbeddingWeight},
     .passed = {},
     .result = 2},
    {.kind = OpKind::kPositions,
     .input = {},
     .weight = {OpKind::kPositionsWeightGrad, kPositionsWeight},
     .passed = kPositionsPassed,
     .result = 2},
    {.kind = OpKind::kLinear,
     .input = {OpKind::kLinearInputGrad, kLinearInput},
     .weight = {OpKind::kLinearWeightGrad, kLinearWeight},
     .passed = {},
     .result = 3},
    {.kind = OpKind::kLayerNorm,
     .input = {OpKind::kLayerNormInputGrad, kLayerNormInput},
     .weight = {OpKind::kLayerNormWeightGrad, kLayerNormWeight},
     .passed = {},
     .result = 3},
    {.kind = OpKind::kRmsNorm,
     .input = {OpKind::kRmsNormInputGrad, kRmsNormInput},
     .weight = {OpKind::kRmsNormWeightGrad, kRmsNormWeight},
     .passed = {},
     .result = 2},
    {.kind = OpKind::kGelu,
     .input = {OpKind::kGeluGrad, kUnaryInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kGeluTanh,
     .input = {OpKind::kGeluTanhGrad, kUnaryInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kSilu,
     .input = {OpKind::kSiluGrad, kUnaryInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kRelu,
     .input = {OpKind::kReluGrad, kUnaryInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kSwiglu,
     .input = {OpKind::kSwigluGrad, kSwigluInput},
     .weight = {},
     .passed = {},
     .result = 2},
    {.kind = OpKind::kRope,
     .input = {OpKind::kRopeGrad, kLinearMapInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kAttention,
     .input = {OpKind::kAttentionGrad, kAttentionInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kAdd, .input = {}, .weight = {}, .passed = kAddPassed, .result = 2},
    // The same elements are dropped, by the same key: nothing is saved.
    {.kind = OpKind::kDropout,
     .input = {OpKind::kDropout, kLinearMapInput},
     .weight = {},
     .passed = {},
     .result = 1},
    {.kind = OpKind::kCrossEntropy,
     .input = {OpKind::kCrossEntropyGrad, kCrossEntropyInput},
     .weight = {},
     .passed = {},
     .result = 2},
    {.kind = OpKind::kMeanSquaredError,
     .input = {OpKind::kMeanSquaredErrorGrad, kMeanSquaredErrorInput},
     .weight = {},
     .passed = {},
     .result = 2},
};

}  // namespace

const GradientRule& RuleFor(OpKind forward) {
  for (const GradientRule& rule : kRules) {
    if (rule.kind == forward) return rule;
  }
  CHECK(false);
  return kRules[0];
}

}  // namespace pprun
