// Compiles every distinct layer, and makes the parameter table of their instances.
#include "compiler/model/model.h"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/model/assign_buffers.h"
#include "compiler/model/differentiate.h"
#include "compiler/model/hf_names.h"
#include "compiler/model/layer_graph.h"
#include "compiler/plan/base/check.h"
#include "compiler/plan/text.h"

namespace pprun {
namespace {

TensorType TypeOf(const LayerGraph& graph, ValueId value) {
  return graph.values[value.index()].type;
}

FunctionId AddFunction(CompiledModel& model, Function function) {
  model.functions.push_back(std::move(function));
  return FunctionId(static_cast<int64_t>(model.functions.size()) - 1);
}

FunctionId AddFunction(CompiledModel& model, std::optional<Function> function) {
  return function ? AddFunction(model, std::move(*function)) : FunctionId();
}

CompiledLayer CompileLayer(CompiledModel& model, const LayerGraph& graph) {
  LayerFunctions functions = AssignBuffers(Fuse(graph, Differentiate(graph)));
  CompiledLayer layer{.name = graph.name,
                      .frame_input_bytes = functions.frame_input_bytes,
                      .frame_weight_bytes = functions.frame_weight_bytes,
                      .stash_bytes = functions.stash_bytes,
                      .forward_flops = functions.forward.flops};
  if (graph.input.valid()) layer.input = TypeOf(graph, graph.input);
  if (graph.output.valid()) layer.output = TypeOf(graph, graph.output);
  layer.forward = AddFunction(model, std::move(functions.forward));
  layer.evaluate = AddFunction(model, std::move(functions.evaluate));
  layer.backward = AddFunction(model, std::move(functions.backward));
  layer.input_grad = AddFunction(model, std::move(functions.input_grad));
  layer.weight_grad = AddFunction(model, std::move(functions.weight_grad));
  for (const LayerParameter& parameter : graph.parameters) {
    layer.parameter_elements += parameter.type.shape.Elements();
    layer.parameter_types.push_back(parameter.read);
  }
  return layer;
}

std::string InstanceName(const CheckedLayer& layer, int64_t index) {
  return layer.indexed ? layer.name + "[" + std::to_string(index) + "]" : layer.name;
}

// The table that tied weights share: the embedding of a layer's first instance.
struct Table {
  ParameterId parameter;
  int32_t uses = 0;
};

// Adds the parameters of one instance, or the uses of those it shares.
void AddInstance(CompiledModel& model, const LayerGraph& graph, CompiledInstance instance,
                 std::map<std::string, Table>& tables) {
  for (const LayerParameter& parameter : graph.parameters) {
    const std::string name = instance.name + "." + parameter.name;
    if (!parameter.tied.empty()) {
      Table& table = tables.at(parameter.tied);
      Parameter& shared = model.parameters[table.parameter.index()];
      CHECK(shared.type == parameter.type);
      shared.aliases.push_back(name);
      instance.parameters.push_back({table.parameter, ++table.uses});
      continue;
    }
    const ParameterId id(static_cast<int64_t>(model.parameters.size()));
    model.parameters.push_back({.name = name,
                                .type = parameter.type,
                                .initialisation = parameter.initialisation,
                                .decay = parameter.decay});
    instance.parameters.push_back({id, 0});
  }
  model.instances.push_back(std::move(instance));
}

// Where the embedding's table is among a layer's parameters; -1 if it has none.
int32_t TableOrdinal(const LayerGraph& graph) {
  const GraphOperation& first = graph.operations.front();
  if (first.kind != OpKind::kEmbedding) return -1;
  return graph.values[first.operands[1].index()].ordinal;
}

}  // namespace

CompiledModel CompileModel(const CheckedProgram& program, int64_t samples) {
  const GraphSizes sizes = SizesOf(program, samples);
  CompiledModel model;
  std::map<std::string, Table> tables;
  for (size_t i = 0; i < program.model->layers.size(); ++i) {
    const CheckedLayer& layer = program.model->layers[i];
    const LayerGraph graph = BuildLayerGraph(layer, sizes);
    model.layers.push_back(CompileLayer(model, graph));
    const int32_t table = TableOrdinal(graph);
    if (table >= 0) {
      const int64_t id = static_cast<int64_t>(model.parameters.size()) + table;
      tables[layer.name] = {.parameter = ParameterId(id)};
    }
    for (int64_t index = 0; index < layer.repeat; ++index) {
      AddInstance(model, graph,
                  {.name = InstanceName(layer, index), .layer = static_cast<int32_t>(i)}, tables);
    }
  }
  NameExports(program, model);
  return model;
}

std::string LayersText(const CheckedProgram& program, int64_t samples) {
  const GraphSizes sizes = SizesOf(program, samples);
  const CompiledModel model = CompileModel(program, samples);
  const Plan functions{.functions = model.functions};
  std::string text;
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const LayerGraph graph = BuildLayerGraph(program.model->layers[i], sizes);
    const CompiledLayer& layer = model.layers[i];
    text += ToText(graph) + "backward\n" + ToText(Differentiate(graph));
    text += "saved " + std::to_string(layer.frame_input_bytes) + " bytes until input_grad, " +
            std::to_string(layer.frame_weight_bytes) + " until weight_grad; stash " +
            std::to_string(layer.stash_bytes) + " bytes\n";
    for (const FunctionId id :
         {layer.forward, layer.evaluate, layer.backward, layer.input_grad, layer.weight_grad}) {
      if (id.valid()) text += ToText(functions, functions.functions[id.index()]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace pprun
