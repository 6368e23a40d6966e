// The order of a forward-only program, as validation runs it: every position runs all microbatches
// through each of its stages, stages ascending. Placement is that of the training order. Tests:
// predict_times_test.cc.
#pragma once

#include "compiler/schedule/task_order.h"

namespace pprun {

TaskOrder ForwardOrder(const TaskOrder& training, ast::Location location);

}  // namespace pprun
