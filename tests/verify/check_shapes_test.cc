// Each operation's shape rule: what fits is accepted, and any one operand of another shape or type
// is not.
#include "compiler/verify/check_shapes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace pprun {
namespace {

struct Case {
  OpKind kind;
  std::vector<TensorType> operands;
};

// b = 2, s = 3, d = 8, n = 6, V = 10, h = 4, k = 2, c = 2.
std::vector<Case> Cases() {
  const auto f32 = [](Shape shape) { return TensorType{DType::kF32, shape}; };
  const TensorType ids{DType::kI32, {2, 3}}, loss{DType::kF64, {}};
  const TensorType x = f32({2, 3, 8}), y = f32({2, 3, 6}), weight = f32({6, 8}), bias = f32({6}),
                   table = f32({10, 8}), vector = f32({8}), rows = f32({2, 3}),
                   qkv = f32({2, 3, 16}), lse = f32({2, 4, 3}), logits = f32({2, 3, 10}),
                   places = f32({5, 8});
  return {{OpKind::kEmbedding, {ids, table, x}},
          {OpKind::kEmbeddingWeightGrad, {ids, x, table}},
          {OpKind::kPositions, {x, places, x}},
          {OpKind::kPositionsWeightGrad, {x, places}},
          {OpKind::kLinear, {x, weight, bias, y}},
          {OpKind::kLinearInputGrad, {y, weight, x}},
          {OpKind::kLinearWeightGrad, {x, y, weight, bias}},
          {OpKind::kLinearAdd, {x, weight, bias, y, y}},
          {OpKind::kLinearGeluTanh, {x, weight, bias, y, y}},
          {OpKind::kLinearInputGradGeluTanh, {y, weight, x, x}},
          {OpKind::kLayerNorm, {x, vector, vector, x, rows, rows}},
          {OpKind::kAddLayerNorm, {x, x, vector, vector, x, x, rows, rows}},
          {OpKind::kLayerNormInputGrad, {x, x, vector, rows, rows, x, x}},
          {OpKind::kLayerNormWeightGrad, {x, x, rows, rows, vector, vector}},
          {OpKind::kRmsNorm, {x, vector, x, rows}},
          {OpKind::kAddRmsNorm, {x, x, vector, x, x, rows}},
          {OpKind::kRmsNormInputGrad, {x, x, vector, rows, x, x}},
          {OpKind::kRmsNormWeightGrad, {x, x, rows, vector}},
          {OpKind::kGelu, {x, x}},
          {OpKind::kGeluGrad, {x, x, x}},
          {OpKind::kGeluTanh, {x, x}},
          {OpKind::kGeluTanhGrad, {x, x, x}},
          {OpKind::kSilu, {x, x}},
          {OpKind::kSiluGrad, {x, x, x}},
          {OpKind::kRelu, {x, x}},
          {OpKind::kReluGrad, {x, x, x}},
          {OpKind::kSwiglu, {x, x, x}},
          {OpKind::kSwigluGrad, {x, x, x, x, x}},
          {OpKind::kRope, {qkv, qkv}},
          {OpKind::kRopeGrad, {qkv, qkv}},
          {OpKind::kAttention, {qkv, x, lse}},
          {OpKind::kAttentionGrad, {qkv, x, lse, x, qkv}},
          {OpKind::kAdd, {x, x, x}},
          {OpKind::kDropout, {x, x}},
          {OpKind::kCrossEntropy, {logits, ids, loss, rows}},
          {OpKind::kCrossEntropyGrad, {logits, ids, rows, logits}},
          {OpKind::kCrossEntropyWithGrad, {logits, ids, loss, logits}},
          {OpKind::kMeanSquaredError, {logits, ids, loss}},
          {OpKind::kMeanSquaredErrorGrad, {logits, ids, logits}}};
}

OpAttributes AttributesOf(OpKind kind) {
  const std::string name(Name(kind));
  if (name.starts_with("rope")) return {.heads = 4, .kv_heads = 2, .rope_theta = 1e4F};
  if (name.starts_with("attention")) return {.heads = 4, .kv_heads = 2};
  if (name.find("norm") != std::string::npos) return {.epsilon = 1e-5F};
  if (name == "dropout") return {.probability = 0.1F, .random_key = 7};
  if (name.starts_with("cross_entropy") || name.starts_with("mean_squared")) {
    return {.loss_scale = 0.25};
  }
  return {};
}

std::optional<std::string> Problem(const Case& one, size_t absent = SIZE_MAX) {
  Operation operation{.kind = one.kind};
  operation.attributes = AttributesOf(one.kind);
  std::vector<const TensorType*> types;
  for (size_t i = 0; i < one.operands.size(); ++i) {
    types.push_back(i == absent ? nullptr : &one.operands[i]);
  }
  return ShapeProblem(operation, types);
}

TEST(CheckShapes, EveryOperationHasARule) {
  const std::vector<Case> cases = Cases();
  ASSERT_EQ(cases.size(), static_cast<size_t>(kOpKindCount));
  for (int i = 0; i < kOpKindCount; ++i) {
    const Case& one = cases[static_cast<size_t>(i)];
    EXPECT_EQ(one.kind, static_cast<OpKind>(i));
    EXPECT_EQ(one.operands.size(), Signature(one.kind).operands.size());
    EXPECT_EQ(Problem(one), std::nullopt) << Name(one.kind);
  }
}

// Whether the operand is of the type of activations, whichever that is.
bool IsCompute(OpKind kind, const OperandSignature& operand) {
  if (operand.access == Access::kAccumulate) return false;
  const std::string kind_name(Name(kind));
  const bool norm = kind_name.find("norm") != std::string::npos;
  for (const char* always : {"tokens", "targets", "loss", "mean", "rstd", "lse"}) {
    if (operand.name == always) return false;
  }
  return !norm || (operand.name != "weight" && operand.name != "bias");
}

// In bf16 activations and what products read are bf16; all of an operation or none.
TEST(CheckShapes, EveryOperationHasARuleInBfloat16) {
  for (const Case& one : Cases()) {
    const auto operands = Signature(one.kind).operands;
    Case rounded = one;
    int count = 0;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!IsCompute(one.kind, operands[i])) continue;
      rounded.operands[i].dtype = DType::kBF16;
      ++count;
    }
    EXPECT_EQ(Problem(rounded), std::nullopt) << Name(one.kind);
    for (size_t i = 0; i < operands.size() && count > 1; ++i) {
      if (!IsCompute(one.kind, operands[i])) continue;
      Case mixed = rounded;
      mixed.operands[i].dtype = DType::kF32;
      EXPECT_TRUE(Problem(mixed)) << Name(one.kind) << " operand " << i;
    }
  }
}

TEST(CheckShapes, OptionalOperandsMayBeAbsent) {
  for (const Case& one : Cases()) {
    const auto operands = Signature(one.kind).operands;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i].presence != OperandSignature::Presence::kOptional) continue;
      EXPECT_EQ(Problem(one, i), std::nullopt) << Name(one.kind);
    }
  }
}

TEST(CheckShapes, OneOperandThatDiffersIsFound) {
  for (const Case& one : Cases()) {
    for (size_t i = 0; i < one.operands.size(); ++i) {
      Case other = one;
      other.operands[i].dtype = DType::kF64;
      if (other.operands[i].dtype != one.operands[i].dtype) {
        EXPECT_TRUE(Problem(other)) << Name(one.kind) << " operand " << i << ", another type";
      }
      other = one;
      Shape& shape = other.operands[i].shape;
      // More rows of a table are fine, and more samples that a table's gradient adds up.
      const bool table = Signature(one.kind).operands[i].name.ends_with("table") ||
                         one.kind == OpKind::kPositionsWeightGrad;
      if (shape.rank > 0 && !table) {
        ++shape.extents[0];
        EXPECT_TRUE(Problem(other)) << Name(one.kind) << " operand " << i << ", more of the first";
      }
      other = one;
      if (shape.rank < Shape::kMaxRank) {
        shape.extents[static_cast<size_t>(shape.rank++)] = 3;
        EXPECT_TRUE(Problem(other)) << Name(one.kind) << " operand " << i << ", a rank more";
      }
    }
  }
}

TEST(CheckShapes, HeadsAndTables) {
  const std::vector<Case> cases = Cases();
  const auto with = [&](OpKind kind, OpAttributes attributes) {
    const Case& one = cases[static_cast<size_t>(kind)];
    Operation operation{.kind = kind, .attributes = attributes};
    std::vector<const TensorType*> types;
    for (const TensorType& type : one.operands) types.push_back(&type);
    return ShapeProblem(operation, types);
  };
  EXPECT_FALSE(with(OpKind::kAttention, {.heads = 4, .kv_heads = 2}));
  EXPECT_TRUE(with(OpKind::kAttention, {.heads = 0, .kv_heads = 0}));
  EXPECT_TRUE(with(OpKind::kAttention, {.heads = 4, .kv_heads = 3}));
  EXPECT_TRUE(with(OpKind::kAttention, {.heads = 2, .kv_heads = 4}));
  EXPECT_TRUE(with(OpKind::kAttention, {.heads = INT32_MAX, .kv_heads = 1}));
  EXPECT_TRUE(with(OpKind::kRope, {.heads = 4, .kv_heads = 2, .rope_theta = 0}));
  EXPECT_TRUE(with(OpKind::kDropout, {.probability = 1}));
  EXPECT_TRUE(with(OpKind::kDropout, {.probability = -1}));
  EXPECT_TRUE(with(OpKind::kLayerNorm, {.epsilon = -1e-5F}));
  EXPECT_TRUE(with(OpKind::kRmsNorm, {.epsilon = std::nanf("")}));
  EXPECT_TRUE(with(OpKind::kRope, {.heads = 4, .kv_heads = 2, .rope_theta = INFINITY}));
  EXPECT_TRUE(with(OpKind::kGelu, {.epsilon = 1e-5F})) << "an attribute of another kind";
  EXPECT_TRUE(with(OpKind::kDropout, {.probability = 0.5F, .loss_scale = 1}));
  Case positions = cases[static_cast<size_t>(OpKind::kPositions)];
  positions.operands[1].shape = {2, 8};
  EXPECT_TRUE(Problem(positions)) << "fewer positions than the sequence has";
}

}  // namespace
}  // namespace pprun
