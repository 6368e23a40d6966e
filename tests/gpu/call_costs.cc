#include "tests/gpu/call_costs.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <variant>

#include "compiler/plan/operation.h"

namespace pprun::gpu {
namespace {

using kernels::Tensor;

double Elements(const Tensor& tensor) { return static_cast<double>(tensor.shape.Elements()); }

double Bytes(const Tensor& tensor) {
  return tensor ? Elements(tensor) * static_cast<double>(SizeOf(tensor.dtype)) : 0;
}

std::string TypeOf(const Tensor& tensor) {
  return ToString(TensorType{tensor.dtype, tensor.shape});
}

double FlopsOf(const OperationCall& call) {
  const auto elements = [&](size_t operand) { return Elements(call.operands[operand]); };
  switch (call.kind) {
    case OpKind::kLinear:
    case OpKind::kLinearInputGrad:
    case OpKind::kLinearWeightGrad:
    case OpKind::kLinearAdd:
    case OpKind::kLinearGeluTanh:
    case OpKind::kLinearInputGradGeluTanh: {
      // Each of the three extents is in two of the three matrices.
      const size_t last = call.kind == OpKind::kLinearWeightGrad ? 2 : call.operands.size() - 1;
      return 2 * std::sqrt(elements(0) * elements(1) * elements(last));
    }
    // Half of the scores are seen; two products forward, five backward.
    case OpKind::kAttention:
      return 2 * elements(1) * static_cast<double>(call.operands[1].shape[1]);
    case OpKind::kAttentionGrad:
      return 5 * elements(1) * static_cast<double>(call.operands[1].shape[1]);
    default:
      return 0;
  }
}

CallCosts Costs(const OperationCall& call) {
  CallCosts costs = {.name = std::string(Name(call.kind)), .bytes = 0, .flops = FlopsOf(call)};
  const auto signatures = Signature(call.kind).operands;
  double tokens = 0;
  for (size_t i = 0; i < call.operands.size(); ++i) {
    if (signatures[i].name == "tokens") tokens = Elements(call.operands[i]);
  }
  for (size_t i = 0; i < call.operands.size(); ++i) {
    const Tensor& operand = call.operands[i];
    if (!operand) continue;
    double bytes = Bytes(operand);
    // Of a table only the rows of the tokens.
    if (tokens > 0 && (signatures[i].name == "table" || signatures[i].name == "dtable")) {
      const double row = static_cast<double>(operand.shape[1] * SizeOf(operand.dtype));
      bytes = std::min(bytes, tokens * row);
    }
    costs.bytes += bytes * (signatures[i].access == Access::kAccumulate ? 2 : 1);
    costs.name += " " + TypeOf(operand);
  }
  return costs;
}

CallCosts Costs(const ZeroCall& call) {
  return {.name = "zero " + TypeOf(call.target), .bytes = Bytes(call.target)};
}
CallCosts Costs(const CastCall& call) {
  return {.name = "cast " + TypeOf(call.source), .bytes = Bytes(call.source) + Bytes(call.target)};
}
CallCosts Costs(const AddCall& call) {
  return {.name = "add_into " + TypeOf(call.target),
          .bytes = Bytes(call.source) + 2 * Bytes(call.target)};
}
CallCosts Costs(const CopyCall& call) {
  return {.name = "copy " + TypeOf(call.target), .bytes = Bytes(call.target)};
}
CallCosts Costs(const InitialiseCall& call) {
  return {.name = "initialise " + TypeOf(call.target), .bytes = Bytes(call.target)};
}
CallCosts Costs(const SquareSumCall& call) {
  CallCosts costs = {.name = "square_sums of " + std::to_string(call.gradients.size())};
  for (const auto& sum : call.gradients) costs.bytes += Bytes(sum.gradient);
  return costs;
}
CallCosts Costs(const ClipFactorCall& call) {
  return {.name = "clip_factor", .bytes = Bytes(call.partials)};
}
CallCosts Costs(const UpdateCall& call) {
  CallCosts costs = {.name = "update of " + std::to_string(call.parameters.size())};
  for (const auto& one : call.parameters) {
    // Only the gradient is not written.
    costs.bytes += 2 * (Bytes(one.parameter) + Bytes(one.first) + Bytes(one.second)) +
                   Bytes(one.gradient) + Bytes(one.rounded);
  }
  return costs;
}

}  // namespace

CallCosts CostsOf(const DeviceCall& call) {
  return std::visit([](const auto& one) { return Costs(one); }, call);
}

}  // namespace pprun::gpu
