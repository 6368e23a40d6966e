// The order of compute tasks on every pipeline position, as a schedule says it: all that a schedule
// says.
//
// What holds after EvaluateSchedule: every (microbatch, stage) has exactly one forward and either
// one backward or one input gradient and one weight gradient, on the position that holds the stage;
// a position's own order is consistent (backward after forward, weight gradient after input
// gradient). Whether positions together can make progress is proven later, by the verifier. Tests:
// evaluate_schedule_test.cc and golden/tasks/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/task_kind.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"

namespace pprun {

struct OrderedTask {
  TaskKind kind = TaskKind::kForward;
  int32_t chunk = 0;
  int32_t microbatch = 0;
  int32_t stage = 0;
  int32_t overlap_pair = -1;  // tasks of one `overlap { }` share a number; -1: none
  ast::Location location;     // of the call in the schedule
};

struct TaskOrder {
  int32_t chunks = 1;  // of each position
  int32_t stages = 1;  // pp * chunks
  int32_t microbatches = 1;
  std::vector<std::vector<OrderedTask>> positions;  // [pp]
};

// Empty after errors: a task that is missing, done twice, out of range, or before what it needs on
// its own position.
std::optional<TaskOrder> EvaluateSchedule(const CheckedProgram& program, int64_t microbatches,
                                          const Limits& limits, Diagnostics& diagnostics);

// One line a position: "0F0 0F1 0B0 ..." (stage, kind, microbatch; an overlapped pair in brackets).
std::string ToText(const TaskOrder& order);

}  // namespace pprun
