// Whether what a rank would hold, and the streams that it would have, are within their limits; one
// error, at the layer, at `train` or at the schedule, where they are not. The verifier has the same
// limits for plans from elsewhere. Tests: golden/errors/model_too_large.sched,
// too_many_queues.sched.
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

// And every queue of transfers is a stream.
void CheckStreams(const CheckedProgram& program, const Plan& plan, Diagnostics& diagnostics);

}  // namespace pprun
