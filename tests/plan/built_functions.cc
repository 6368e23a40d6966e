#include "tests/plan/built_functions.h"

#include <string>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// An argument with the views of it, in order.
struct Part {
  Role role;
  Access access;
  int64_t bytes;
  std::vector<View> views;
};
Part Tensor(Role role, Access access, const TensorType& type) {
  return {role, access, type.Bytes(), {{0, 0, type}}};
}
Part Region(Role role, Access access) {
  return {role, access, kFrameBytes, {{0, 0, kLogits}, {0, kLogitsBytes, kLse}}};
}

Operation Op(OpKind kind, std::vector<int32_t> operands) {
  Operation operation{.kind = kind};
  for (const int32_t operand : operands) operation.operands.emplace_back(operand);
  return operation;
}

Function Make(std::string name, TaskKind kind, const std::vector<Part>& parts,
              std::vector<Operation> operations) {
  Function function{.name = std::move(name), .kind = kind};
  for (const Part& part : parts) {
    const int32_t argument = static_cast<int32_t>(function.arguments.size());
    function.arguments.push_back({part.role, part.access, part.bytes, 0});
    for (View view : part.views) {
      view.argument = argument;
      function.views.push_back(view);
    }
  }
  function.segments.push_back({.count = static_cast<int32_t>(operations.size())});
  function.operations = std::move(operations);
  return function;
}

}  // namespace

std::vector<Function> MakeBuiltFunctions(int64_t batch) {
  const auto read = Access::kRead, write = Access::kWrite, add = Access::kAccumulate;
  const Part weight = Tensor(Role::kParameter, read, kTable);
  const Part gradient = Tensor(Role::kGradient, add, kTable);
  const Part tokens = Tensor(Role::kTokens, read, kIds);
  const Part targets = Tensor(Role::kTargets, read, kIds);
  const Part input = Tensor(Role::kInput, read, kActivation);
  const Part input_gradient = Tensor(Role::kInputGradient, write, kActivation);
  const Part loss = Tensor(Role::kLoss, write, kLossType);
  const OpKind linear = OpKind::kLinear, entropy = OpKind::kCrossEntropy;
  std::vector<Function> functions = {
      Make("embed.forward", TaskKind::kForward,
           {weight, tokens, Tensor(Role::kOutput, write, kActivation)},
           {Op(OpKind::kEmbedding, {1, 0, 2})}),
      Make("embed.backward", TaskKind::kBackward,
           {gradient, tokens, Tensor(Role::kOutputGradient, read, kActivation)},
           {Op(OpKind::kEmbeddingWeightGrad, {1, 2, 0})}),
      Make("embed.weight_grad", TaskKind::kWeightGrad,
           {gradient, tokens, Tensor(Role::kOutputGradient, read, kActivation)},
           {Op(OpKind::kEmbeddingWeightGrad, {1, 2, 0})}),
      Make("head.forward", TaskKind::kForward,
           {weight, input, targets, loss, Region(Role::kFrameInput, write)},
           {Op(linear, {1, 0, -1, 4}), Op(entropy, {4, 2, 3, 5})}),
      Make("head.evaluate", TaskKind::kForward,
           {weight, input, targets, loss, Region(Role::kWorkspace, write)},
           {Op(linear, {1, 0, -1, 4}), Op(entropy, {4, 2, 3, 5})}),
      Make("head.backward", TaskKind::kBackward,
           {weight, gradient, input, input_gradient, targets, Region(Role::kFrameInput, read),
            Region(Role::kWorkspace, write)},
           {Op(OpKind::kCrossEntropyGrad, {5, 4, 6, 7}),
            Op(OpKind::kLinearWeightGrad, {2, 7, 1, -1}), Op(OpKind::kLinearInputGrad, {7, 0, 3})}),
      Make("head.input_grad", TaskKind::kInputGrad,
           {weight, input_gradient, targets, Region(Role::kFrameInput, read),
            Region(Role::kStash, write)},
           {Op(OpKind::kCrossEntropyGrad, {3, 2, 4, 5}), Op(OpKind::kLinearInputGrad, {5, 0, 1})}),
      Make("head.weight_grad", TaskKind::kWeightGrad, {gradient, input, Region(Role::kStash, read)},
           {Op(OpKind::kLinearWeightGrad, {1, 2, 0, -1})}),
  };
  for (Function& function : functions) {
    for (Operation& operation : function.operations) {
      if (operation.kind != entropy && operation.kind != OpKind::kCrossEntropyGrad) continue;
      operation.attributes.loss_scale = 1.0 / static_cast<double>(batch * kSequence);
    }
  }
  return functions;
}

FunctionId BuiltFunctionOf(int32_t layer, TaskKind kind, ProgramKind program) {
  if (layer == kEmbed) {
    if (kind == TaskKind::kForward) return FunctionId(0);
    return FunctionId(kind == TaskKind::kBackward ? 1 : 2);
  }
  switch (kind) {
    case TaskKind::kForward:
      return FunctionId(program == ProgramKind::kValidate ? 4 : 3);
    case TaskKind::kBackward:
      return FunctionId(5);
    case TaskKind::kInputGrad:
      return FunctionId(6);
    case TaskKind::kWeightGrad:
    case TaskKind::kRecompute:
      return FunctionId(7);
  }
  CHECK(false);
}

}  // namespace pprun
