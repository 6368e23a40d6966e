// Whether what a rank would hold is within the limit of a rank's memory; one error, at the layer or
// at `train`, where it is not. The verifier has the same limit for plans from elsewhere. Tests:
// golden/errors/model_too_large.sched.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/model/model.h"
#include "compiler/schedule/task_order.h"

namespace pprun {

// Before memory is laid out: parameters, in arithmetic that cannot overflow.
void CheckParameterSize(const CheckedProgram& program, const CompiledModel& model,
                        const TaskOrder& order, const std::vector<std::vector<int32_t>>& stages,
                        Diagnostics& diagnostics);

// After it: everything else.
void CheckArenaSize(const CheckedProgram& program, const Plan& plan, Diagnostics& diagnostics);

}  // namespace pprun
