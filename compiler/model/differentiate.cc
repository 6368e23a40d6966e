#include "compiler/model/differentiate.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "compiler/model/gradient_rules.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

struct Differentiator {
  const LayerGraph& graph;
  BackwardGraph backward;
  // By forward value: the sum of its gradient's contributions so far, and how many there were.
  std::vector<ValueId> gradient;
  std::vector<int> contributions;

  ValueId AddValue(GraphValue value) {
    backward.values.push_back(std::move(value));
    return ValueId(static_cast<int64_t>(backward.values.size()) - 1);
  }

  void Emit(Half half, GraphOperation operation) {
    CHECK(operation.operands.size() == Signature(operation.kind).operands.size());
    backward.operations.push_back({std::move(operation), half});
  }

  // A new value of the type of `value`, for one contribution to its gradient or their sum.
  ValueId NewGradient(ValueId value, const std::string& suffix) {
    const GraphValue& of = graph.values[value.index()];
    return AddValue({.name = "d_" + of.name + suffix, .type = of.type});
  }

  // Values are used before the operation that defines them is reached, so when that operation
  // reads its result's gradient, the sum is complete.
  void Contribute(ValueId value, ValueId part, const std::string& label) {
    ValueId& sum = gradient[value.index()];
    const int count = ++contributions[value.index()];
    if (count == 1) {
      sum = part;
      return;
    }
    const ValueId total = NewGradient(value, ".sum" + std::to_string(count));
    Emit(Half::kInputGrad, {.kind = OpKind::kAdd, .operands = {sum, part, total}, .label = label});
    sum = total;
  }

  struct Part {
    ValueId value;
    ValueId part;
  };

  // The gradient operand that a half names. Contributions it writes are added to `parts`.
  ValueId Operand(const GraphOperation& forward, GradientOperand source, Access access,
                  std::vector<Part>& parts) {
    if (source.from == GradientOperand::From::kAbsent) return {};
    const ValueId value = forward.operands[static_cast<size_t>(source.operand)];
    if (source.from == GradientOperand::From::kForward || !value.valid()) return value;
    const GraphValue& of = graph.values[value.index()];
    switch (access) {
      case Access::kRead:
        CHECK(gradient[value.index()].valid());
        return gradient[value.index()];
      case Access::kAccumulate: {
        CHECK(of.kind == GraphValue::Kind::kParameter);
        return AddValue({.kind = GraphValue::Kind::kParameterGradient,
                         .name = "d_" + of.name,
                         .type = graph.parameters[static_cast<size_t>(of.ordinal)].type,
                         .ordinal = of.ordinal});
      }
      case Access::kWrite: {
        const int earlier = contributions[value.index()];
        const ValueId part =
            NewGradient(value, earlier == 0 ? "" : "." + std::to_string(earlier + 1));
        parts.push_back({value, part});
        return part;
      }
    }
    CHECK(false);
    return {};
  }

  void EmitHalf(const GraphOperation& forward, const GradientHalf& rule, Half half,
                std::vector<Part>& parts) {
    if (rule.operands.empty()) return;
    const OpSignature& signature = Signature(rule.kind);
    GraphOperation operation{
        .kind = rule.kind, .attributes = forward.attributes, .label = forward.label};
    for (size_t i = 0; i < rule.operands.size(); ++i) {
      operation.operands.push_back(
          Operand(forward, rule.operands[i], signature.operands[i].access, parts));
    }
    Emit(half, std::move(operation));
  }

  void Reverse(const GraphOperation& forward) {
    const GradientRule& rule = RuleFor(forward.kind);
    std::vector<Part> parts;
    EmitHalf(forward, rule.input, Half::kInputGrad, parts);
    EmitHalf(forward, rule.weight, Half::kWeightGrad, parts);
    for (const Part& part : parts) Contribute(part.value, part.part, forward.label);
    const ValueId result = forward.operands[static_cast<size_t>(rule.result)];
    for (const int8_t operand : rule.passed) {
      Contribute(forward.operands[static_cast<size_t>(operand)], gradient[result.index()],
                 forward.label);
    }
  }

  bool ReadByWeightGradient(ValueId value) const {
    for (const BackwardOperation& each : backward.operations) {
      if (each.half == Half::kInputGrad) continue;
      for (const ValueId operand : each.operation.operands) {
        if (operand == value) return true;
      }
    }
    return false;
  }

  // The gradient for the layer before has a buffer of its own, which leaves as soon as the input
  // gradient has run: it is neither the output's gradient nor something left for later.
  void FinishInputGradient() {
    if (!graph.input.valid()) return;
    const ValueId last = gradient[graph.input.index()];
    CHECK(last.valid());
    backward.input_gradient = last;
    if (last != backward.output_gradient && !ReadByWeightGradient(last)) return;
    backward.input_gradient = NewGradient(graph.input, ".copy");
    Emit(Half::kInputGrad, CopyOperation(last, backward.input_gradient, "input"));
  }
};

}  // namespace

BackwardGraph Differentiate(const LayerGraph& graph) {
  Differentiator differentiator{.graph = graph,
                                .backward = {.values = graph.values},
                                .gradient = std::vector<ValueId>(graph.values.size()),
                                .contributions = std::vector<int>(graph.values.size())};
  if (graph.output.valid()) {
    const GraphValue& output = graph.values[graph.output.index()];
    const ValueId gradient = differentiator.AddValue(
        {.kind = GraphValue::Kind::kOutputGradient, .name = "d_output", .type = output.type});
    differentiator.backward.output_gradient = gradient;
    differentiator.Contribute(graph.output, gradient, "output");
  }
  for (size_t i = graph.operations.size(); i > 0; --i) {
    differentiator.Reverse(graph.operations[i - 1]);
  }
  differentiator.FinishInputGradient();
  return std::move(differentiator.backward);
}

std::string ToText(const BackwardGraph& backward) {
  std::string text;
  for (const BackwardOperation& each : backward.operations) {
    text += each.half == Half::kInputGrad ? "  I  " : "  W  ";
    text += ToText(backward.values, each.operation) + "\n";
  }
  return text;
}

}  // namespace pprun
