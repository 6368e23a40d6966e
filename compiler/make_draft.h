// What the passes start from: the plan's tables, where every stage and layer is, and what every
// position runs when. Tests: compile_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/model/model.h"
#include "compiler/passes/draft.h"
#include "compiler/schedule/predict_times.h"
#include "compiler/schedule/task_order.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"
#include "dsl/source_files.h"

namespace pprun {

struct DraftInputs {
  const std::string& path;
  const SourceFiles& files;
  const CheckedProgram& program;  // with a model and a train record
  const CompiledModel& model;
  const TaskOrder& order;
  const TaskTimes& times;                           // of the order
  const std::vector<std::vector<int32_t>>& stages;  // the instances of each
  const TaskCosts& costs;
};

// The draft refers to its inputs. Reports weights that are tied across positions.
Draft MakeDraft(const DraftInputs& inputs, Diagnostics& diagnostics);

// Samples of a microbatch on one replica.
int64_t MicrobatchSamples(const CheckedProgram& program);

}  // namespace pprun
