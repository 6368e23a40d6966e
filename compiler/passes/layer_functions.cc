#include "compiler/passes/layer_functions.h"

#include <algorithm>

#include "compiler/plan/base/check.h"

namespace pprun {

FunctionId FunctionOf(TaskKind kind, const CompiledLayer& layer) {
  switch (kind) {
    case TaskKind::kForward:
      return layer.forward;
    case TaskKind::kBackward:
      return layer.backward;
    case TaskKind::kInputGrad:
      return layer.input_grad;
    case TaskKind::kWeightGrad:
      return layer.weight_grad;
    case TaskKind::kRecompute:
      break;
  }
  CHECK(false);
}

bool KeepsInput(const CompiledModel& model, const CompiledLayer& layer) {
  for (FunctionId id : {layer.backward, layer.input_grad, layer.weight_grad}) {
    if (!id.valid()) continue;
    for (const Argument& argument : model.functions[id.index()].arguments) {
      if (argument.role == Role::kInput) return true;
    }
  }
  return false;
}

int64_t WorkspaceBytes(const CompiledModel& model, const CompiledLayer& layer) {
  int64_t bytes = 0;
  for (FunctionId id :
       {layer.forward, layer.evaluate, layer.backward, layer.input_grad, layer.weight_grad}) {
    if (!id.valid()) continue;
    for (const Argument& argument : model.functions[id.index()].arguments) {
      if (argument.role == Role::kWorkspace) bytes = std::max(bytes, argument.bytes);
    }
  }
  return bytes;
}

}  // namespace pprun
