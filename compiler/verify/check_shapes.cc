// The shape rule of every operation: what each operand must be, given the others.
//
// Activations may have any number of leading dimensions where the kernel counts rows;
// kernels/<op>.h has the formulas. After it: a launcher's own checks cannot fail. Tests:
// check_shapes_test.cc.
#include "compiler/verify/check_shapes.h"

#include <cmath>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

using Problem = std::optional<std::string>;

int64_t Last(const Shape& shape) { return shape[shape.rank - 1]; }

// The shape without its last dimension.
Shape Leading(Shape shape) {
  shape.extents[static_cast<size_t>(--shape.rank)] = 0;
  return shape;
}

Shape WithLast(Shape shape, int64_t last) {
  shape.extents[static_cast<size_t>(shape.rank - 1)] = last;
  return shape;
}

// Compares operands by their index in the signature.
class Rule {
 public:
  Rule(const Operation& operation, std::span<const TensorType* const> types)
      : operation_(operation), signature_(Signature(operation.kind)), types_(types) {}

  const Shape& ShapeOf(size_t operand) const { return types_[operand]->shape; }
  const OpAttributes& attributes() const { return operation_.attributes; }

  void Fail(std::string text) {
    if (!problem_) problem_ = std::move(text);
  }
  void Is(size_t operand, DType dtype, const Shape& shape) {
    if (types_[operand] == nullptr) return;  // an optional one that is absent
    const TensorType wanted{dtype, shape};
    if (*types_[operand] == wanted) return;
    Fail("`" + std::string(signature_.operands[operand].name) + "` is " +
         ToString(*types_[operand]) + ", not " + ToString(wanted));
  }
  void IsF32(size_t operand, const Shape& shape) { Is(operand, DType::kF32, shape); }
  // Of the type of activations and of what products read: f32 or bf16, one for the operation.
  void IsCompute(size_t operand, const Shape& shape) {
    if (types_[operand] == nullptr) return;
    if (!compute_) {
      const DType dtype = types_[operand]->dtype;
      compute_ = dtype == DType::kBF16 ? dtype : DType::kF32;
    }
    Is(operand, *compute_, shape);
  }
  void HasRank(size_t operand, int least, int most) {
    const Shape& shape = ShapeOf(operand);
    if (shape.rank < least || shape.rank > most) {
      Fail("`" + std::string(signature_.operands[operand].name) + "` is " + ToString(shape) +
           ", which has too few or too many dimensions");
    }
  }
  void Require(bool condition, const char* text) {
    if (!condition) Fail(text);
  }
  bool ok() const { return !problem_; }
  Problem Take() { return std::move(problem_); }

 private:
  const Operation& operation_;
  const OpSignature& signature_;
  std::span<const TensorType* const> types_;
  std::optional<DType> compute_;
  Problem problem_;
};

// All operands have the type of activations and the first one's shape.
void Elementwise(Rule& rule, size_t operands) {
  for (size_t i = 0; i < operands; ++i) rule.IsCompute(i, rule.ShapeOf(0));
}

enum class Weights : uint8_t { kRead, kGradient };

// A parameter as functions read it, or its gradient.
void Weight(Rule& rule, size_t operand, const Shape& shape, Weights weights) {
  return weights == Weights::kRead ? rule.IsCompute(operand, shape) : rule.IsF32(operand, shape);
}

// [first[:-1]..., table's width], rows of the table.
void Embedding(Rule& rule, size_t tokens, size_t activation, size_t table, Weights weights) {
  rule.HasRank(tokens, 1, 3);
  rule.HasRank(table, 2, 2);
  if (!rule.ok()) return;
  rule.Is(tokens, DType::kI32, rule.ShapeOf(tokens));
  Weight(rule, table, rule.ShapeOf(table), weights);
  Shape wanted = rule.ShapeOf(tokens);
  wanted.extents[static_cast<size_t>(wanted.rank++)] = Last(rule.ShapeOf(table));
  rule.IsCompute(activation, wanted);
}

void Positions(Rule& rule, size_t activation, size_t table, Weights weights) {
  rule.HasRank(activation, 3, 3);
  rule.HasRank(table, 2, 2);
  if (!rule.ok()) return;
  rule.IsCompute(activation, rule.ShapeOf(activation));
  Weight(rule, table, {rule.ShapeOf(table)[0], rule.ShapeOf(activation)[2]}, weights);
  rule.Require(rule.ShapeOf(table)[0] >= rule.ShapeOf(activation)[1],
               "the table has fewer positions than the activation");
}

// y = x W^T: x [..., d], W [n, d], bias [n], y [..., n].
void Linear(Rule& rule, size_t x, size_t weight, size_t y, Weights weights) {
  rule.HasRank(x, 1, 4);
  rule.HasRank(weight, 2, 2);
  if (!rule.ok()) return;
  const Shape& shape = rule.ShapeOf(weight);
  Weight(rule, weight, shape, weights);
  rule.IsCompute(x, WithLast(rule.ShapeOf(x), shape[1]));
  rule.IsCompute(y, WithLast(rule.ShapeOf(x), shape[0]));
}

// Operands of x's shape, f32 vectors of its last dimension, and statistics of the others.
void Norm(Rule& rule, std::initializer_list<size_t> activations,
          std::initializer_list<size_t> vectors, std::initializer_list<size_t> statistics) {
  rule.HasRank(0, 1, 4);
  if (!rule.ok()) return;
  const Shape x = rule.ShapeOf(0);
  for (const size_t operand : activations) rule.IsCompute(operand, x);
  for (const size_t operand : vectors) rule.IsF32(operand, {Last(x)});
  for (const size_t operand : statistics) rule.IsF32(operand, Leading(x));
}

// What is left of the attributes without those that the kind has; a gradient has its forward's.
OpAttributes WithoutOwn(OpAttributes attributes, OpKind kind) {
  switch (kind) {
    case OpKind::kLayerNorm:
    case OpKind::kAddLayerNorm:
    case OpKind::kLayerNormInputGrad:
    case OpKind::kLayerNormWeightGrad:
    case OpKind::kRmsNorm:
    case OpKind::kAddRmsNorm:
    case OpKind::kRmsNormInputGrad:
    case OpKind::kRmsNormWeightGrad:
      attributes.epsilon = 0;
      return attributes;
    case OpKind::kRope:
    case OpKind::kRopeGrad:
      attributes.rope_theta = 0;
      [[fallthrough]];
    case OpKind::kAttention:
    case OpKind::kAttentionGrad:
      attributes.heads = attributes.kv_heads = 0;
      return attributes;
    case OpKind::kDropout:
      attributes.probability = 0;
      attributes.random_key = 0;
      return attributes;
    case OpKind::kCrossEntropy:
    case OpKind::kCrossEntropyGrad:
    case OpKind::kCrossEntropyWithGrad:
    case OpKind::kMeanSquaredError:
    case OpKind::kMeanSquaredErrorGrad:
      attributes.loss_scale = 0;
      return attributes;
    default:
      return attributes;
  }
}

// The head width of a packed qkv; 0 if it does not go.
int64_t HeadWidth(Rule& rule, const Shape& qkv) {
  const OpAttributes& attributes = rule.attributes();
  const bool counted = attributes.heads > 0 && attributes.kv_heads > 0 &&
                       attributes.heads <= (1 << 20) && attributes.kv_heads <= attributes.heads &&
                       attributes.heads % attributes.kv_heads == 0;
  rule.Require(counted, "the numbers of heads do not go");
  rule.HasRank(0, 3, 3);
  if (!rule.ok()) return 0;
  const int64_t parts = attributes.heads + int64_t{2} * attributes.kv_heads;
  rule.Require(Last(qkv) % parts == 0, "the heads do not divide the last dimension");
  return rule.ok() ? Last(qkv) / parts : 0;
}

void Rope(Rule& rule) {
  Elementwise(rule, 2);
  const int64_t width = HeadWidth(rule, rule.ShapeOf(0));
  rule.Require(width % 2 == 0, "the head width is odd");
  rule.Require(rule.attributes().rope_theta > 0, "the base of the rotation is not positive");
}

void Attention(Rule& rule, std::initializer_list<size_t> packed,
               std::initializer_list<size_t> outputs, size_t lse) {
  const Shape qkv = rule.ShapeOf(0);
  const int64_t width = HeadWidth(rule, qkv);
  if (!rule.ok()) return;
  const int64_t heads = rule.attributes().heads;
  for (const size_t operand : packed) rule.IsCompute(operand, qkv);
  for (const size_t operand : outputs) rule.IsCompute(operand, WithLast(qkv, heads * width));
  rule.IsF32(lse, {qkv[0], heads, qkv[1]});
}

// x and gradients [..., V], targets i32[...].
void Loss(Rule& rule, std::initializer_list<size_t> activations,
          std::initializer_list<size_t> losses, std::initializer_list<size_t> statistics) {
  rule.HasRank(0, 2, 4);
  if (!rule.ok()) return;
  const Shape x = rule.ShapeOf(0);
  for (const size_t operand : activations) rule.IsCompute(operand, x);
  rule.Is(1, DType::kI32, Leading(x));
  for (const size_t operand : losses) rule.Is(operand, DType::kF64, {});
  for (const size_t operand : statistics) rule.IsF32(operand, Leading(x));
}

void Dropout(Rule& rule) {
  const float probability = rule.attributes().probability;
  rule.Require(probability >= 0 && probability < 1, "the probability is not in [0, 1)");
  rule.HasRank(0, 1, 4);
  Elementwise(rule, 2);
}

void Apply(Rule& rule, OpKind kind) {
  switch (kind) {
    case OpKind::kEmbedding:
      return Embedding(rule, 0, 2, 1, Weights::kRead);
    case OpKind::kEmbeddingWeightGrad:
      return Embedding(rule, 0, 1, 2, Weights::kGradient);
    case OpKind::kPositions:
      Positions(rule, 0, 1, Weights::kRead);
      return rule.IsCompute(2, rule.ShapeOf(0));
    case OpKind::kPositionsWeightGrad:
      return Positions(rule, 0, 1, Weights::kGradient);
    case OpKind::kLinear:
      Linear(rule, 0, 1, 3, Weights::kRead);
      return rule.ok() ? rule.IsCompute(2, {rule.ShapeOf(1)[0]}) : void();
    case OpKind::kLinearInputGrad:
      return Linear(rule, 2, 1, 0, Weights::kRead);
    case OpKind::kLinearWeightGrad:
      Linear(rule, 0, 2, 1, Weights::kGradient);
      return rule.ok() ? rule.IsF32(3, {rule.ShapeOf(2)[0]}) : void();
    case OpKind::kLinearAdd:
      Linear(rule, 0, 1, 4, Weights::kRead);
      if (!rule.ok()) return;
      rule.IsCompute(2, {rule.ShapeOf(1)[0]});
      return rule.IsCompute(3, rule.ShapeOf(4));
    case OpKind::kLinearGeluTanh:
      Linear(rule, 0, 1, 3, Weights::kRead);
      if (!rule.ok()) return;
      rule.IsCompute(2, {rule.ShapeOf(1)[0]});
      return rule.IsCompute(4, rule.ShapeOf(3));
    case OpKind::kLinearInputGradGeluTanh:
      Linear(rule, 3, 1, 0, Weights::kRead);
      return rule.ok() ? rule.IsCompute(2, rule.ShapeOf(3)) : void();
    case OpKind::kLayerNorm:
      return Norm(rule, {0, 3}, {1, 2}, {4, 5});
    case OpKind::kAddLayerNorm:
      return Norm(rule, {0, 1, 4, 5}, {2, 3}, {6, 7});
    case OpKind::kLayerNormInputGrad:
      return Norm(rule, {0, 1, 5, 6}, {2}, {3, 4});
    case OpKind::kLayerNormWeightGrad:
      return Norm(rule, {0, 1}, {4, 5}, {2, 3});
    case OpKind::kRmsNorm:
      return Norm(rule, {0, 2}, {1}, {3});
    case OpKind::kAddRmsNorm:
      return Norm(rule, {0, 1, 3, 4}, {2}, {5});
    case OpKind::kRmsNormInputGrad:
      return Norm(rule, {0, 1, 4, 5}, {2}, {3});
    case OpKind::kRmsNormWeightGrad:
      return Norm(rule, {0, 1}, {3}, {2});
    case OpKind::kGelu:
    case OpKind::kGeluTanh:
    case OpKind::kSilu:
    case OpKind::kRelu:
      return Elementwise(rule, 2);
    case OpKind::kGeluGrad:
    case OpKind::kGeluTanhGrad:
    case OpKind::kSiluGrad:
    case OpKind::kReluGrad:
    case OpKind::kSwiglu:
    case OpKind::kAdd:
      return Elementwise(rule, 3);
    case OpKind::kSwigluGrad:
      return Elementwise(rule, 5);
    case OpKind::kRope:
    case OpKind::kRopeGrad:
      return Rope(rule);
    case OpKind::kAttention:
      return Attention(rule, {0}, {1}, 2);
    case OpKind::kAttentionGrad:
      return Attention(rule, {0, 4}, {1, 3}, 2);
    case OpKind::kDropout:
      return Dropout(rule);
    case OpKind::kCrossEntropy:
      return Loss(rule, {0}, {2}, {3});
    case OpKind::kCrossEntropyGrad:
      return Loss(rule, {0, 3}, {}, {2});
    case OpKind::kCrossEntropyWithGrad:
      return Loss(rule, {0, 3}, {2}, {});
    case OpKind::kMeanSquaredError:
      return Loss(rule, {0}, {2}, {});
    case OpKind::kMeanSquaredErrorGrad:
      return Loss(rule, {0, 2}, {}, {});
  }
  CHECK(false);
}

}  // namespace

std::optional<std::string> ShapeProblem(const Operation& operation,
                                        std::span<const TensorType* const> types) {
  Rule rule(operation, types);
  const OpAttributes& own = operation.attributes;
  rule.Require(WithoutOwn(own, operation.kind) == OpAttributes{},
               "it has an attribute that its kind has not");
  rule.Require(std::isfinite(own.epsilon) && own.epsilon >= 0 && std::isfinite(own.rope_theta),
               "an attribute is no number");
  Apply(rule, operation.kind);
  return rule.Take();
}

}  // namespace pprun
