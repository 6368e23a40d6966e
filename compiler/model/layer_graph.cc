// Expands each operation of the language into primitive ones, inferring shapes and naming
// parameters. The formulas and operand orders are those of plan/operation.cc.
#include "compiler/model/layer_graph.h"

#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr double kDeviation = 0.02;

// Whether a projection's output is what its residual adds: GPT-2 initialises these smaller.
enum class Branch : uint8_t { kInside, kEnd };

struct Builder {
  GraphSizes sizes;
  LayerGraph graph;
  std::set<std::string> names = {};  // of parameters
  uint32_t random_operations = 0;

  ValueId AddValue(GraphValue::Kind kind, std::string name, TensorType type, int32_t ordinal = 0) {
    graph.values.push_back(
        {.kind = kind, .name = std::move(name), .type = type, .ordinal = ordinal});
    return ValueId(static_cast<int64_t>(graph.values.size()) - 1);
  }

  ValueId Computed(std::string name, Shape shape, DType dtype) {
    return AddValue(GraphValue::Kind::kComputed, std::move(name), {dtype, shape});
  }

  // An activation of the given width.
  ValueId Activation(std::string name, int64_t width) {
    return Computed(std::move(name), {sizes.samples, sizes.sequence, width}, sizes.compute);
  }

  // f32[b, s]: one number a token.
  ValueId PerToken(std::string name) {
    return Computed(std::move(name), {sizes.samples, sizes.sequence}, DType::kF32);
  }

  ValueId TokenIds(GraphValue::Kind kind, std::string name) {
    return AddValue(kind, std::move(name), {DType::kI32, {sizes.samples, sizes.sequence}});
  }

  ValueId AddParameter(LayerParameter parameter) {
    // Labels are unique within a layer, and names with them.
    CHECK(names.insert(parameter.name).second);
    const int32_t ordinal = static_cast<int32_t>(graph.parameters.size());
    const ValueId value = AddValue(GraphValue::Kind::kParameter, parameter.name,
                                   {parameter.read, parameter.type.shape}, ordinal);
    graph.parameters.push_back(std::move(parameter));
    return value;
  }

  ValueId Matrix(std::string name, Shape shape, double deviation, std::string tied = {}) {
    return AddParameter({.name = std::move(name),
                         .type = {DType::kF32, shape},
                         .read = sizes.compute,
                         .initialisation = {Initialisation::Kind::kNormal, deviation},
                         .tied = std::move(tied)});
  }

  ValueId Vector(std::string name, int64_t width, DType read, Initialisation::Kind kind) {
    return AddParameter({.name = std::move(name),
                         .type = {DType::kF32, {width}},
                         .read = read,
                         .initialisation = {kind, 0},
                         .decay = Parameter::Decay::kNo});
  }

  ValueId NormVector(std::string name, int64_t width, Initialisation::Kind kind) {
    return Vector(std::move(name), width, DType::kF32, kind);
  }

  void Emit(OpKind kind, std::string label, std::vector<ValueId> operands,
            OpAttributes attributes = {}) {
    CHECK(operands.size() == Signature(kind).operands.size());
    graph.operations.push_back({kind, attributes, std::move(operands), std::move(label)});
  }

  double ProjectionDeviation(Branch branch) const {
    if (branch == Branch::kInside) return kDeviation;
    return kDeviation / std::sqrt(2.0 * static_cast<double>(sizes.residual_depth));
  }

  struct Projection {
    int64_t width_in = 0;
    int64_t width_out = 0;
    bool bias = false;
    double deviation = kDeviation;
    std::string tied;
  };

  ValueId Linear(const std::string& label, ValueId x, const Projection& projection) {
    const ValueId weight = Matrix(label + ".weight", {projection.width_out, projection.width_in},
                                  projection.deviation, projection.tied);
    ValueId bias;
    if (projection.bias) {
      bias = Vector(label + ".bias", projection.width_out, sizes.compute,
                    Initialisation::Kind::kZeros);
    }
    const ValueId y = Activation(label, projection.width_out);
    Emit(OpKind::kLinear, label, {x, weight, bias, y});
    return y;
  }

  ValueId Embedding(const CheckedOperation& operation) {
    const ValueId tokens = TokenIds(GraphValue::Kind::kTokens, "tokens");
    const ValueId table = Matrix(operation.label + ".weight",
                                 {operation.vocabulary, operation.width_out}, kDeviation);
    const ValueId y = Activation(operation.label, operation.width_out);
    Emit(OpKind::kEmbedding, operation.label, {tokens, table, y});
    return y;
  }

  ValueId Positions(const CheckedOperation& operation, ValueId x) {
    const ValueId table =
        AddParameter({.name = operation.label + ".weight",
                      .type = {DType::kF32, {operation.context, operation.width_out}},
                      .read = sizes.compute,
                      .initialisation = {Initialisation::Kind::kNormal, kDeviation},
                      .decay = Parameter::Decay::kNo});
    const ValueId y = Activation(operation.label, operation.width_out);
    Emit(OpKind::kPositions, operation.label, {x, table, y});
    return y;
  }

  ValueId LayerNorm(const CheckedOperation& operation, ValueId x) {
    const std::string& label = operation.label;
    const ValueId weight =
        NormVector(label + ".weight", operation.width_out, Initialisation::Kind::kOnes);
    const ValueId bias =
        NormVector(label + ".bias", operation.width_out, Initialisation::Kind::kZeros);
    const ValueId y = Activation(label, operation.width_out);
    const ValueId mean = PerToken(label + ".mean");
    const ValueId rstd = PerToken(label + ".rstd");
    Emit(OpKind::kLayerNorm, label, {x, weight, bias, y, mean, rstd},
         {.epsilon = static_cast<float>(operation.epsilon)});
    return y;
  }

  ValueId RmsNorm(const CheckedOperation& operation, ValueId x) {
    const std::string& label = operation.label;
    const ValueId weight =
        NormVector(label + ".weight", operation.width_out, Initialisation::Kind::kOnes);
    const ValueId y = Activation(label, operation.width_out);
    const ValueId rstd = PerToken(label + ".rstd");
    Emit(OpKind::kRmsNorm, label, {x, weight, y, rstd},
         {.epsilon = static_cast<float>(operation.epsilon)});
    return y;
  }

  ValueId Unary(OpKind kind, const CheckedOperation& operation, ValueId x) {
    const ValueId y = Activation(operation.label, operation.width_out);
    Emit(kind, operation.label, {x, y});
    return y;
  }

  ValueId Swiglu(const CheckedOperation& operation, ValueId x) {
    const Projection projection{.width_in = operation.width_in, .width_out = operation.hidden};
    const ValueId gate = Linear(operation.label + ".gate", x, projection);
    const ValueId up = Linear(operation.label + ".up", x, projection);
    const ValueId y = Activation(operation.label, operation.hidden);
    Emit(OpKind::kSwiglu, operation.label, {gate, up, y});
    return y;
  }

  ValueId Attention(const CheckedOperation& operation, ValueId x, Branch branch) {
    const std::string& label = operation.label;
    const int64_t head_width = operation.width_in / operation.heads;
    const int64_t qkv_width = (operation.heads + 2 * operation.kv_heads) * head_width;
    const OpAttributes attributes{.heads = static_cast<int32_t>(operation.heads),
                                  .kv_heads = static_cast<int32_t>(operation.kv_heads)};
    ValueId qkv =
        Linear(label + ".qkv", x,
               {.width_in = operation.width_in, .width_out = qkv_width, .bias = operation.bias});
    if (operation.rope_theta > 0) {
      OpAttributes rotation = attributes;
      rotation.rope_theta = static_cast<float>(operation.rope_theta);
      const ValueId rotated = Activation(label + ".rope", qkv_width);
      Emit(OpKind::kRope, label + ".rope", {qkv, rotated}, rotation);
      qkv = rotated;
    }
    const ValueId y = Activation(label, operation.width_in);
    const ValueId lse =
        Computed(label + ".lse", {sizes.samples, operation.heads, sizes.sequence}, DType::kF32);
    Emit(OpKind::kAttention, label, {qkv, y, lse}, attributes);
    return Linear(label + ".out", y,
                  {.width_in = operation.width_in,
                   .width_out = operation.width_out,
                   .bias = operation.bias,
                   .deviation = ProjectionDeviation(branch)});
  }

  ValueId Residual(const CheckedOperation& operation, ValueId x) {
    const ValueId body = Sequence(operation.body, x, Branch::kEnd);
    const ValueId y = Activation(operation.label, operation.width_out);
    Emit(OpKind::kAdd, operation.label, {x, body, y});
    return y;
  }

  ValueId Dropout(const CheckedOperation& operation, ValueId x) {
    const ValueId y = Activation(operation.label, operation.width_out);
    Emit(OpKind::kDropout, operation.label, {x, y},
         {.probability = static_cast<float>(operation.probability),
          .random_key = random_operations++});
    return y;
  }

  void CrossEntropy(const CheckedOperation& operation, ValueId logits) {
    const ValueId targets = TokenIds(GraphValue::Kind::kTargets, "targets");
    graph.loss = Computed(operation.label, {}, DType::kF64);
    const ValueId lse = PerToken(operation.label + ".lse");
    Emit(OpKind::kCrossEntropy, operation.label, {logits, targets, graph.loss, lse},
         {.loss_scale = sizes.loss_scale});
  }

  void MeanSquaredError(const CheckedOperation& operation, ValueId x) {
    const ValueId targets = TokenIds(GraphValue::Kind::kTargets, "targets");
    graph.loss = Computed(operation.label, {}, DType::kF64);
    Emit(OpKind::kMeanSquaredError, operation.label, {x, targets, graph.loss},
         {.loss_scale = sizes.loss_scale});
  }

  // The operation's result; not valid for a loss.
  ValueId Apply(const CheckedOperation& operation, ValueId x, Branch branch) {
    switch (operation.kind) {
      case LayerOpKind::kEmbedding:
        return Embedding(operation);
      case LayerOpKind::kPositions:
        return Positions(operation, x);
      case LayerOpKind::kLayerNorm:
        return LayerNorm(operation, x);
      case LayerOpKind::kRmsNorm:
        return RmsNorm(operation, x);
      case LayerOpKind::kLinear:
        return Linear(operation.label, x,
                      {.width_in = operation.width_in,
                       .width_out = operation.width_out,
                       .bias = operation.bias,
                       .deviation = ProjectionDeviation(branch),
                       .tied = operation.tied});
      case LayerOpKind::kGelu:
        return Unary(OpKind::kGelu, operation, x);
      case LayerOpKind::kGeluTanh:
        return Unary(OpKind::kGeluTanh, operation, x);
      case LayerOpKind::kSilu:
        return Unary(OpKind::kSilu, operation, x);
      case LayerOpKind::kRelu:
        return Unary(OpKind::kRelu, operation, x);
      case LayerOpKind::kSwiglu:
        return Swiglu(operation, x);
      case LayerOpKind::kAttention:
        return Attention(operation, x, branch);
      case LayerOpKind::kResidual:
        return Residual(operation, x);
      case LayerOpKind::kDropout:
        return Dropout(operation, x);
      case LayerOpKind::kCrossEntropy:
        CrossEntropy(operation, x);
        return {};
      case LayerOpKind::kMeanSquaredError:
        MeanSquaredError(operation, x);
        return {};
    }
    CHECK(false);
    return {};
  }

  // `last` is what the last operation is to the branch; dropout after it does not count.
  ValueId Sequence(const std::vector<CheckedOperation>& operations, ValueId x, Branch last) {
    size_t end = operations.size();
    while (end > 0 && operations[end - 1].kind == LayerOpKind::kDropout) --end;
    for (size_t i = 0; i < operations.size(); ++i) {
      x = Apply(operations[i], x, i + 1 == end ? last : Branch::kInside);
    }
    return x;
  }
};

bool HasResidual(const CheckedLayer& layer) {
  for (const CheckedOperation& operation : layer.operations) {
    if (operation.kind == LayerOpKind::kResidual) return true;
  }
  return false;
}

}  // namespace

GraphSizes SizesOf(const CheckedProgram& program, int64_t samples) {
  CHECK(program.model.has_value() && program.train.has_value());
  GraphSizes sizes{.samples = samples, .sequence = program.train->sequence};
  sizes.loss_scale = 1.0 / (static_cast<double>(program.train->batch) *
                            static_cast<double>(program.train->sequence));
  sizes.residual_depth = 0;
  for (const CheckedLayer& layer : program.model->layers) {
    if (HasResidual(layer)) sizes.residual_depth += layer.repeat;
  }
  if (program.train->precision == CheckedTrain::Precision::kBf16) sizes.compute = DType::kBF16;
  return sizes;
}

LayerGraph BuildLayerGraph(const CheckedLayer& layer, const GraphSizes& sizes) {
  CHECK(!layer.operations.empty());
  Builder builder{.sizes = sizes};
  LayerGraph& graph = builder.graph;
  graph.name = layer.name;
  const CheckedOperation& first = layer.operations.front();
  if (first.kind != LayerOpKind::kEmbedding) {
    graph.input =
        builder.AddValue(GraphValue::Kind::kInput, "input",
                         {sizes.compute, {sizes.samples, sizes.sequence, first.width_in}});
  }
  graph.output = builder.Sequence(layer.operations, graph.input, Branch::kInside);
  return std::move(builder.graph);
}

GraphOperation CopyOperation(ValueId x, ValueId y, std::string label) {
  return {.kind = OpKind::kDropout, .operands = {x, y}, .label = std::move(label)};
}

LayerGraph WithoutDropout(LayerGraph graph) {
  std::vector<ValueId> same(graph.values.size());
  for (size_t i = 0; i < same.size(); ++i) same[i] = ValueId(static_cast<int64_t>(i));
  std::vector<GraphOperation> kept;
  for (GraphOperation& operation : graph.operations) {
    for (ValueId& operand : operation.operands) {
      if (operand.valid()) operand = same[operand.index()];
    }
    if (operation.kind != OpKind::kDropout) {
      kept.push_back(std::move(operation));
      continue;
    }
    const ValueId x = operation.operands[0];
    const ValueId y = operation.operands[1];
    // A layer of dropouts alone: its output is still a buffer of its own.
    if (y == graph.output && x == graph.input) {
      kept.push_back(CopyOperation(x, y, operation.label));
    } else {
      same[y.index()] = x;
    }
  }
  if (graph.output.valid()) graph.output = same[graph.output.index()];
  graph.operations = std::move(kept);
  return graph;
}

}  // namespace pprun
