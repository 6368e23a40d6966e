// A study: a file with a mesh and a schedule but nothing to train. It is compiled all the same,
// with a model of one tiny layer a stage, so that what is proven, simulated and drawn is a plan
// like any other. Costs come from a table (`--cost`), so the layers' own size means nothing. Tests:
// study_test.cc.
#pragma once

#include "compiler/schedule/task_order.h"
#include "dsl/checked.h"

namespace pprun {

// The program with such a model and the least to train it, for the stages and microbatches of its
// order. It has no steps if the order only goes forward.
CheckedProgram WithStudyModel(CheckedProgram program, const TaskOrder& order);

}  // namespace pprun
