// The text form of a layer graph.
#include <cstdio>
#include <string>
#include <string_view>

#include "compiler/model/layer_graph.h"

namespace pprun {
namespace {

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

void AppendItem(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

// Only what the kind uses is not zero.
std::string ToText(const OpAttributes& attributes) {
  std::string text;
  if (attributes.heads != 0) AppendItem(text, "heads " + std::to_string(attributes.heads));
  if (attributes.kv_heads != 0) AppendItem(text, "kv_heads " + std::to_string(attributes.kv_heads));
  if (attributes.rope_theta != 0) AppendItem(text, "theta " + Number(attributes.rope_theta));
  if (attributes.epsilon != 0) AppendItem(text, "epsilon " + Number(attributes.epsilon));
  if (attributes.probability != 0) {
    AppendItem(text, "probability " + Number(attributes.probability));
    AppendItem(text, "key " + std::to_string(attributes.random_key));
  }
  if (attributes.loss_scale != 0) AppendItem(text, "scale " + Number(attributes.loss_scale));
  return text;
}

std::string ToText(const Initialisation& initialisation) {
  switch (initialisation.kind) {
    case Initialisation::Kind::kZeros:
      return "zeros";
    case Initialisation::Kind::kOnes:
      return "ones";
    case Initialisation::Kind::kNormal:
      return "normal " + Number(initialisation.deviation);
  }
  return {};
}

std::string ToText(const LayerParameter& parameter) {
  std::string text = parameter.name + " " + ToString(parameter.type);
  if (!parameter.tied.empty()) return text + ", the table of " + parameter.tied;
  text += ", " + ToText(parameter.initialisation);
  if (parameter.decay == Parameter::Decay::kNo) text += ", no decay";
  return text;
}

}  // namespace

std::string ToText(const std::vector<GraphValue>& values, const GraphOperation& operation) {
  const OpSignature& signature = Signature(operation.kind);
  std::string results;
  std::string accumulated;
  std::string arguments;
  for (size_t i = 0; i < operation.operands.size(); ++i) {
    const ValueId id = operation.operands[i];
    if (!id.valid()) continue;
    const GraphValue& value = values[id.index()];
    switch (signature.operands[i].access) {
      case Access::kRead:
        AppendItem(arguments, value.name);
        break;
      case Access::kWrite:
        AppendItem(results, value.name + " " + ToString(value.type));
        break;
      case Access::kAccumulate:
        AppendItem(accumulated, value.name);
        break;
    }
  }
  std::string text = results.empty() ? accumulated + " += " : results + " = ";
  text += std::string(signature.name) + "(" + arguments + ")";
  const std::string attributes = ToText(operation.attributes);
  return attributes.empty() ? text : text + " with " + attributes;
}

std::string ToText(const LayerGraph& graph) {
  std::string text = "layer " + graph.name + "\n";
  for (const LayerParameter& parameter : graph.parameters) {
    text += "  parameter " + ToText(parameter) + "\n";
  }
  for (const GraphValue& value : graph.values) {
    if (value.kind == GraphValue::Kind::kInput || value.kind == GraphValue::Kind::kTokens ||
        value.kind == GraphValue::Kind::kTargets) {
      text += "  given " + value.name + " " + ToString(value.type) + "\n";
    }
  }
  for (const GraphOperation& operation : graph.operations) {
    text += "  " + ToText(graph.values, operation) + "\n";
  }
  if (graph.output.valid()) text += "  output " + graph.values[graph.output.index()].name + "\n";
  if (graph.loss.valid()) text += "  loss " + graph.values[graph.loss.index()].name + "\n";
  return text;
}

}  // namespace pprun
