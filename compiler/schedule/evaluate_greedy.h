// From `greedy` to the order of tasks: what its blocks say of each rank becomes a GreedyProblem
// (greedy/problem.h), which the list scheduler or a search solves, and whose order becomes tasks.
// Tests: evaluate_greedy_test.cc and golden/tasks/greedy_*.
#pragma once

#include <optional>
#include <vector>

#include "compiler/schedule/resolved_schedule.h"
#include "compiler/schedule/schedule_runner.h"
#include "compiler/schedule/task_order.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

struct GreedyInputs {
  const ResolvedSchedule& schedule;
  ScheduleRunner& runner;  // after its preamble
  const TaskCosts& costs;
  TransferQueues transfers;
  const Limits& limits;
  ast::Location location;  // of the choice of the schedule
};

// Alternatives differ in their placement; ranks whose order is given have their tasks. Empty after
// errors.
std::optional<TaskOrder> OrderGreedily(const GreedyInputs& inputs,
                                       std::vector<TaskOrder> alternatives,
                                       Diagnostics& diagnostics);

}  // namespace pprun
