// From a checked model to functions: LayerGraph per distinct layer, differentiated, its buffers
// assigned.
//
//   BuildLayerGraph  layer_graph.h    operations on values, shapes inferred, parameters named
//   Differentiate    differentiate.h  backward, and its two halves
//   Fuse             fuse.h           what one pass over memory does becomes one operation
//   AssignBuffers    assign_buffers.h views of frame regions, stash and workspace
//   CompileModel     here             all of it, for every distinct layer; the parameter table
//
// What holds of a CompiledModel: instances of one layer share its functions, and differ only in the
// parameters bound to them. Tests: model_test.cc and golden/layers/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/function.h"
#include "compiler/plan/ids.h"
#include "compiler/plan/plan.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"

namespace pprun {

// A parameter as one layer uses it. A tied parameter is used by several layers, each use with a
// gradient of its own.
struct ParameterUse {
  ParameterId parameter;
  int32_t use = 0;  // 0 for the layer that declares it, then in layer order
};

// One distinct layer, compiled. Functions are ids into CompiledModel::functions; an id is not valid
// where there is nothing to do (the input gradient of a layer that only embeds tokens). A
// function's arguments say what it needs: a backward with a kInput argument needs the layer's input
// kept until then.
struct CompiledLayer {
  std::string name;
  std::optional<TensorType> input;   // none: takes tokens
  std::optional<TensorType> output;  // none: ends in the loss
  FunctionId forward;                // saves what the backward functions need
  FunctionId evaluate;               // forward without dropout, saves nothing
  FunctionId backward;
  FunctionId input_grad;
  FunctionId weight_grad;
  int64_t frame_input_bytes = 0;   // saved until the input gradient has run (and backward)
  int64_t frame_weight_bytes = 0;  // saved until the weight gradient has run (and backward)
  int64_t stash_bytes = 0;         // between the two halves
  double forward_flops = 0;
  int64_t parameter_elements = 0;
  std::vector<DType> parameter_types;  // by ordinal: the type in which functions read it
};

struct CompiledInstance {
  std::string name;                      // "block[3]", "head"
  int32_t layer = 0;                     // CompiledModel::layers
  std::vector<ParameterUse> parameters;  // as the functions' ordinals number them
};

struct CompiledModel {
  std::vector<Function> functions;
  std::vector<CompiledLayer> layers;
  std::vector<CompiledInstance> instances;  // in order, first to last
  std::vector<Parameter>
      parameters;  // in order of declaration; holders, split, sum_over, owner not yet set
};

// b samples a microbatch on one replica. The program must have a model with a loss, and a train
// record.
CompiledModel CompileModel(const CheckedProgram& program, int64_t samples);

// --emit=layers: per distinct layer its graph, then its functions with arguments and views.
std::string LayersText(const CheckedProgram& program, int64_t samples);

// Which instances each stage holds: explicit ones as given, else balanced over `stages` so that the
// largest stage is as small as possible (ties: earlier stages larger). Reports when there are fewer
// instances than stages, or the number of explicit stages differs.
std::optional<std::vector<std::vector<int32_t>>> SplitStages(const CheckedProgram& program,
                                                             const CompiledModel& model,
                                                             int32_t stages,
                                                             Diagnostics& diagnostics);

}  // namespace pprun
