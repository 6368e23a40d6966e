#include "compiler/model/fuse.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

using Operations = std::vector<GraphOperation>;

// Linear, whose result a gelu takes.
std::optional<GraphOperation> LinearThenGelu(const GraphOperation& first,
                                             const GraphOperation& then) {
  if (first.kind != OpKind::kLinear || then.kind != OpKind::kGeluTanh) return std::nullopt;
  const auto& [x, weight, bias, y] =
      std::tie(first.operands[0], first.operands[1], first.operands[2], first.operands[3]);
  if (then.operands[0] != y) return std::nullopt;
  return GraphOperation{.kind = OpKind::kLinearGeluTanh,
                        .operands = {x, weight, bias, y, then.operands[1]},
                        .label = first.label};
}

bool Reads(const GraphOperation& operation, ValueId value) {
  const auto operands = Signature(operation.kind).operands;
  for (size_t k = 0; k < operands.size(); ++k) {
    if (operation.operands[k] == value && operands[k].access != Access::kWrite) return true;
  }
  return false;
}

// Linear, whose result an addition takes, and nobody else.
std::optional<GraphOperation> LinearThenAdd(const GraphOperation& first,
                                            const GraphOperation& then) {
  if (first.kind != OpKind::kLinear || then.kind != OpKind::kAdd) return std::nullopt;
  const auto& [x, weight, bias, y] =
      std::tie(first.operands[0], first.operands[1], first.operands[2], first.operands[3]);
  const auto& [a, b, sum] = std::tie(then.operands[0], then.operands[1], then.operands[2]);
  if ((a == y) == (b == y)) return std::nullopt;
  return GraphOperation{.kind = OpKind::kLinearAdd,
                        .operands = {x, weight, bias, a == y ? b : a, sum},
                        .label = first.label};
}

// An addition, whose sum a norm takes.
std::optional<GraphOperation> AddThenNorm(const GraphOperation& first, const GraphOperation& then) {
  const bool layer_norm = then.kind == OpKind::kLayerNorm;
  if (first.kind != OpKind::kAdd || (!layer_norm && then.kind != OpKind::kRmsNorm)) {
    return std::nullopt;
  }
  const ValueId sum = first.operands[2];
  const std::vector<ValueId>& norm = then.operands;
  if (norm[0] != sum) return std::nullopt;
  GraphOperation joined{.kind = layer_norm ? OpKind::kAddLayerNorm : OpKind::kAddRmsNorm,
                        .attributes = then.attributes,
                        .operands = {first.operands[0], first.operands[1]},
                        .label = then.label};
  // Of a norm: x, the weights, then what it writes.
  const auto written = norm.begin() + (layer_norm ? 3 : 2);
  joined.operands.insert(joined.operands.end(), norm.begin() + 1, written);
  joined.operands.push_back(sum);
  joined.operands.insert(joined.operands.end(), written, norm.end());
  return joined;
}

// Pairs of neighbours. `backward` may read what they make.
void FuseForward(Operations& operations, const std::vector<BackwardOperation>& backward) {
  const auto readers = [&](ValueId value) {
    const auto reads = [value](const GraphOperation& operation) { return Reads(operation, value); };
    return std::ranges::count_if(operations, reads) +
           std::ranges::count_if(backward, reads, &BackwardOperation::operation);
  };
  Operations kept;
  for (const GraphOperation& operation : operations) {
    std::optional<GraphOperation> joined;
    if (!kept.empty()) joined = LinearThenGelu(kept.back(), operation);
    if (!kept.empty() && !joined) {
      joined = LinearThenAdd(kept.back(), operation);
      if (joined && readers(kept.back().operands[3]) != 1) joined.reset();
    }
    if (!kept.empty() && !joined) joined = AddThenNorm(kept.back(), operation);
    if (joined) {
      kept.back() = *std::move(joined);
    } else {
      kept.push_back(operation);
    }
  }
  operations = std::move(kept);
}

class BackwardFusion {
 public:
  explicit BackwardFusion(std::vector<BackwardOperation>& operations) : operations_(operations) {}

  void Run() {
    for (size_t i = 0; i < operations_.size(); ++i) {
      const OpKind kind = operations_[i].operation.kind;
      if (kind == OpKind::kLinearInputGrad) JoinGelu(i);
      if (kind == OpKind::kLayerNormInputGrad || kind == OpKind::kRmsNormInputGrad) JoinSum(i);
    }
  }

 private:
  // The only operation that reads a value, if it is of that kind.
  std::optional<size_t> OnlyReader(ValueId value, OpKind kind) const {
    std::optional<size_t> reader;
    for (size_t i = 0; i < operations_.size(); ++i) {
      const GraphOperation& operation = operations_[i].operation;
      if (!Reads(operation, value)) continue;
      if (reader || operation.kind != kind) return std::nullopt;
      reader = i;
    }
    return reader;
  }

  // Whether operation `at` comes after whatever writes the value.
  bool IsThereBefore(ValueId value, size_t at) const {
    for (size_t i = at; i < operations_.size(); ++i) {
      const GraphOperation& operation = operations_[i].operation;
      const auto operands = Signature(operation.kind).operands;
      for (size_t k = 0; k < operands.size(); ++k) {
        if (operation.operands[k] == value && operands[k].access == Access::kWrite) return false;
      }
    }
    return true;
  }

  void Erase(size_t at) { operations_.erase(operations_.begin() + static_cast<ptrdiff_t>(at)); }

  void JoinGelu(size_t at) {
    GraphOperation& product = operations_[at].operation;
    const auto gelu = OnlyReader(product.operands[2], OpKind::kGeluTanhGrad);
    if (!gelu) return;
    const std::vector<ValueId>& grad = operations_[*gelu].operation.operands;  // pre, dy, dpre
    CHECK(grad[1] == product.operands[2]);
    product.kind = OpKind::kLinearInputGradGeluTanh;
    product.operands = {product.operands[0], product.operands[1], grad[0], grad[2]};
    Erase(*gelu);
  }

  void JoinSum(size_t at) {
    std::vector<ValueId>& norm = operations_[at].operation.operands;
    const size_t dx = norm.size() - 1;
    const auto add = OnlyReader(norm[dx], OpKind::kAdd);
    if (!add || operations_[*add].half != operations_[at].half) return;
    const std::vector<ValueId> sum = operations_[*add].operation.operands;  // a, b, y
    const ValueId other = sum[0] == norm[dx] ? sum[1] : sum[0];
    if (!IsThereBefore(other, at)) return;
    norm[dx - 1] = other;
    norm[dx] = sum[2];
    Erase(*add);
  }

  std::vector<BackwardOperation>& operations_;
};

// The gradient of the logits moves into the forward, unless it is what the layer before waits for:
// that is a backward's to give.
void FuseLoss(Operations& forward, BackwardGraph& graph) {
  std::vector<BackwardOperation>& backward = graph.operations;
  const auto is = [](OpKind kind) {
    return [kind](const GraphOperation& operation) { return operation.kind == kind; };
  };
  const auto loss = std::ranges::find_if(forward, is(OpKind::kCrossEntropy));
  const auto grad =
      std::ranges::find_if(backward, is(OpKind::kCrossEntropyGrad), &BackwardOperation::operation);
  if (loss == forward.end() || grad == backward.end()) return;
  const ValueId gradient = grad->operation.operands[3];
  if (gradient == graph.input_gradient) return;
  const std::vector<ValueId>& operands = loss->operands;  // logits, targets, loss, lse
  loss->kind = OpKind::kCrossEntropyWithGrad;
  loss->operands = {operands[0], operands[1], operands[2], gradient};
  backward.erase(grad);
}

}  // namespace

FusedLayer Fuse(LayerGraph graph, BackwardGraph backward) {
  FusedLayer fused{.evaluate = WithoutDropout(graph)};
  FuseForward(fused.evaluate.operations, {});
  FuseForward(graph.operations, backward.operations);
  FuseLoss(graph.operations, backward);
  BackwardFusion(backward.operations).Run();
  fused.forward = std::move(graph);
  fused.backward = std::move(backward);
  return fused;
}

}  // namespace pprun
