// A layer as primitive operations on values, each value defined once: what is differentiated and
// given memory.
//
// Composite operations are gone: attention is its projections, rotation and core; swiglu its two
// projections and the product; a residual its body and an addition. What holds: operands are in the
// order of Signature(kind), every value is defined before it is read, its type is known, and the
// layer's output is not its input. Tests: layer_graph_test.cc and golden/layers/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/ids.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/plan.h"
#include "compiler/plan/types.h"
#include "dsl/checked.h"

namespace pprun {

using ValueId = Id<struct ValueTag>;  // LayerGraph::values, continued by BackwardGraph::values

struct GraphValue {
  enum class Kind : uint8_t {
    kInput,              // activation from the layer before
    kTokens,             // i32[b, s]
    kTargets,            // i32[b, s]
    kParameter,          // `ordinal`
    kParameterGradient,  // `ordinal`; only accumulated into
    kOutputGradient,     // from the layer after
    kComputed,           // by an operation
  } kind = Kind::kComputed;
  std::string name;  // "attn.qkv", "layer_norm.mean"
  TensorType type;
  int32_t ordinal = 0;
};

struct LayerParameter {
  std::string name;  // within the layer: the operation's label, then the role
  TensorType type;
  DType read = DType::kF32;  // as functions read it: its value has this type
  Initialisation initialisation;
  Parameter::Decay decay = Parameter::Decay::kYes;
  std::string tied;  // the layer whose embedding table this is; empty: its own
};

struct GraphOperation {
  OpKind kind = OpKind::kAdd;
  OpAttributes attributes;
  std::vector<ValueId> operands;  // absent optional ones are not valid()
  std::string label;
};

struct LayerGraph {
  std::string name;
  std::vector<LayerParameter> parameters;
  std::vector<GraphValue> values;
  std::vector<GraphOperation> operations;  // in order of execution
  ValueId input;                           // not valid if the layer takes tokens
  ValueId output;                          // not valid if the layer ends in the loss
  ValueId loss;                            // else
};

// What a layer's shapes depend on besides its own text.
struct GraphSizes {
  int64_t samples = 1;         // of one microbatch on one replica
  int64_t sequence = 1;        // positions
  double loss_scale = 1;       // 1 / (tokens in the batch)
  int64_t residual_depth = 1;  // instances of layers with residuals: initialisation depends on it
  // Of activations, their gradients and what products read; statistics of norms and softmax, the
  // weights of norms and the gradients of parameters are f32 in every precision, losses f64.
  DType compute = DType::kF32;
};

// Sizes for a program with a model and a train record.
GraphSizes SizesOf(const CheckedProgram& program, int64_t samples);

LayerGraph BuildLayerGraph(const CheckedLayer& layer, const GraphSizes& sizes);

// The same layer for evaluation: its values, without the operations that only train.
LayerGraph WithoutDropout(LayerGraph graph);

// y = x. There is no copying operation: a dropout that drops nothing is one.
GraphOperation CopyOperation(ValueId x, ValueId y, std::string label);

// "attn.out f32[8, 128, 64] = linear(attn, attn.out.weight, attn.out.bias)".
std::string ToText(const std::vector<GraphValue>& values, const GraphOperation& operation);
std::string ToText(const LayerGraph& graph);

}  // namespace pprun
