// A function as text: its arguments, its views, and one operation a line with its operands named.
#include <algorithm>
#include <charconv>

#include "compiler/plan/text.h"
#include "compiler/plan/text_pieces.h"

namespace pprun {
namespace {

template <typename Number>
std::string ShortestText(Number number) {
  char text[64];
  const auto result = std::to_chars(text, text + sizeof(text), number);
  return std::string(text, result.ptr);
}

std::string_view AccessText(Access access) {
  switch (access) {
    case Access::kRead:
      return "read";
    case Access::kWrite:
      return "write";
    case Access::kAccumulate:
      return "accumulate";
  }
  return "?";
}

std::string AttributesText(const OpAttributes& attributes) {
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    text += (text.empty() ? "" : ", ") + std::string(name) + " " + value;
  };
  if (attributes.heads != 0) add("heads", std::to_string(attributes.heads));
  if (attributes.kv_heads != 0) add("kv_heads", std::to_string(attributes.kv_heads));
  if (attributes.rope_theta != 0) add("rope_theta", NumberText(attributes.rope_theta));
  if (attributes.epsilon != 0) add("epsilon", NumberText(attributes.epsilon));
  if (attributes.probability != 0) add("probability", NumberText(attributes.probability));
  if (attributes.loss_scale != 0) add("loss_scale", NumberText(attributes.loss_scale));
  if (attributes.random_key != 0) add("random_key", std::to_string(attributes.random_key));
  return text;
}

std::string ViewText(ViewId view) {
  return view.valid() ? "%" + std::to_string(view.value) : std::string("none");
}

void AppendOperation(std::string& out, const Operation& operation) {
  const OpSignature& signature = Signature(operation.kind);
  out += "    " + Padded(std::string(signature.name), 24);
  for (size_t i = 0; i < operation.operands.size(); ++i) {
    out += " ";
    if (i < signature.operands.size()) out += std::string(signature.operands[i].name) + "=";
    out += ViewText(operation.operands[i]);
  }
  const std::string attributes = AttributesText(operation.attributes);
  if (!attributes.empty()) out += " {" + attributes + "}";
  if (!operation.label.empty()) out += "   ; " + operation.label;
  out += "\n";
}

}  // namespace

std::string NumberText(double number) { return ShortestText(number); }
std::string NumberText(float number) { return ShortestText(number); }

std::string ToText(const Plan& plan, const Function& function) {
  std::string out = "function @" + function.name + "   " + Letter(function.kind) + ", " +
                    NumberText(function.flops) + " flops\n";
  for (size_t i = 0; i < function.arguments.size(); ++i) {
    const Argument& argument = function.arguments[i];
    out += "    argument " + std::to_string(i) + " " + std::string(Name(argument.role));
    if (argument.role == Role::kParameter || argument.role == Role::kGradient) {
      out += "[" + std::to_string(argument.ordinal) + "]";
    }
    out += ", " + std::string(AccessText(argument.access)) + ", " + std::to_string(argument.bytes) +
           " bytes\n";
  }
  for (size_t i = 0; i < function.views.size(); ++i) {
    const View& view = function.views[i];
    out += "    %" + std::to_string(i) + " = argument " + std::to_string(view.argument) + " +" +
           std::to_string(view.offset) + " " + ToString(view.type) + "\n";
  }
  size_t printed = 0;
  for (const Segment& segment : function.segments) {
    if (segment.axis.valid()) {
      out += "    on " + NameOr(plan.mesh, segment.axis, "axis") + ":\n";
    }
    for (int32_t i = 0; i < segment.count && printed < function.operations.size(); ++i) {
      AppendOperation(out, function.operations[printed++]);
    }
  }
  // A function may be printed before it has segments.
  while (printed < function.operations.size()) {
    AppendOperation(out, function.operations[printed++]);
  }
  return out;
}

}  // namespace pprun
