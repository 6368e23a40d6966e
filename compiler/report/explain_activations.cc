// What each layer keeps for its backward, value by value, from the arguments of its functions.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "compiler/report/accounting.h"
#include "compiler/report/explain_counts.h"

namespace pprun {
namespace {

bool IsFrame(const Function& function, ViewId view) {
  const Role role =
      function.arguments[static_cast<size_t>(function.views[view.index()].argument)].role;
  return role == Role::kFrameInput || role == Role::kFrameWeight;
}

// Values that an operation of the forward leaves in the frame.
void AppendStored(const Function& forward, ActivationExplanation& layer) {
  for (const Operation& operation : forward.operations) {
    const OpSignature& signature = Signature(operation.kind);
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const ViewId view = operation.operands[i];
      if (!view.valid() || signature.operands[i].access != Access::kWrite) continue;
      if (!IsFrame(forward, view)) continue;
      const std::string who =
          operation.label.empty() ? std::string(signature.name) : operation.label;
      layer.stored.push_back({who + " " + std::string(signature.operands[i].name),
                              forward.views[view.index()].type.Bytes()});
    }
  }
}

// Beside the formula for a transformer's layer.
void CompareTransformer(const Function& forward, ActivationExplanation& layer) {
  for (const Operation& operation : forward.operations) {
    if (operation.kind != OpKind::kAttention) continue;
    const TensorType& y = forward.views[operation.operands[1].index()].type;
    const TransformerShape shape{.samples = static_cast<double>(y.shape[0]),
                                 .sequence = static_cast<double>(y.shape[1]),
                                 .width = static_cast<double>(y.shape[2]),
                                 .heads = static_cast<double>(operation.attributes.heads)};
    ActivationExplanation::Transformer transformer;
    transformer.element_bytes = static_cast<int32_t>(SizeOf(y.dtype));
    const double wider = transformer.element_bytes / 2.0;
    transformer.with_scores = wider * ActivationBytes(ActivationPolicy::kTensorParallel, shape, 1);
    transformer.without_scores =
        wider * ActivationBytes(ActivationPolicy::kSelectiveRecompute, shape, 1);
    const double sbh = shape.samples * shape.sequence * shape.width;
    transformer.coefficient = static_cast<double>(layer.bytes) / wider / sbh;
    layer.transformer = transformer;
    return;
  }
}

// Layers whose backward reads their input again.
std::set<LayerId> LayersThatKeepTheirInput(const Plan& plan, const Program& step) {
  std::set<LayerId> keep;
  for (const Instruction& instruction : step.instructions) {
    const Run* run = std::get_if<Run>(&instruction.operands);
    if (run == nullptr || !run->function.valid() || run->kind == TaskKind::kForward) continue;
    const std::vector<Argument>& arguments = plan.functions[run->function.index()].arguments;
    if (std::ranges::any_of(arguments, [](const Argument& a) { return a.role == Role::kInput; })) {
      keep.insert(run->layer);
    }
  }
  return keep;
}

}  // namespace

std::vector<ActivationExplanation> CountActivations(const Plan& plan) {
  std::map<LayerId, FunctionId> forward_of;  // by layer, so in the model's order
  std::set<LayerId> keep_input;
  for (const Position& position : plan.positions) {
    const Program& step = position.programs[static_cast<size_t>(ProgramKind::kStep)];
    keep_input.merge(LayersThatKeepTheirInput(plan, step));
    for (const Instruction& instruction : step.instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr || !run->function.valid() || run->kind != TaskKind::kForward) continue;
      forward_of.emplace(run->layer, run->function);
    }
  }
  std::vector<ActivationExplanation> layers;
  std::map<FunctionId, size_t> index;
  for (const auto& [id, function_id] : forward_of) {
    const auto [found, added] = index.emplace(function_id, layers.size());
    if (!added) {
      ++layers[found->second].layers;
      continue;
    }
    const Function& forward = plan.functions[function_id.index()];
    ActivationExplanation layer{.layer = forward.name.substr(0, forward.name.rfind('.')),
                                .layers = 1};
    for (const Argument& argument : forward.arguments) {
      if (argument.role == Role::kFrameInput) layer.until_input_grad += argument.bytes;
      if (argument.role == Role::kFrameWeight) layer.until_weight_grad += argument.bytes;
      if (argument.role == Role::kInput && keep_input.contains(id)) layer.input += argument.bytes;
    }
    layer.bytes = layer.until_input_grad + layer.until_weight_grad + layer.input;
    AppendStored(forward, layer);
    CompareTransformer(forward, layer);
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace pprun
