// What the functions of a layer ask of whoever runs them. Tests: place_tasks_test.cc.
#pragma once

#include <cstdint>

#include "compiler/model/model.h"
#include "compiler/plan/plan.h"

namespace pprun {

// The one that runs as a task of this kind in training; none where the layer has nothing to do.
FunctionId FunctionOf(TaskKind kind, const CompiledLayer& layer);

// Whether a backward function reads the layer's input again.
bool KeepsInput(const CompiledModel& model, const CompiledLayer& layer);

// The largest workspace that one of them wants.
int64_t WorkspaceBytes(const CompiledModel& model, const CompiledLayer& layer);

}  // namespace pprun
