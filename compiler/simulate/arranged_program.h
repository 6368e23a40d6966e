// A program as the simulator runs it: with the tasks of an overlapped pair held together, and the
// optimizer's barrier in its place or not.
//
// The two of a pair start when both can and end together: before and after them their streams
// record an event each and wait for the other's. The machine of plan/semantics.h then needs no
// notion of a pair. Tests: simulate_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/tasks.h"

namespace pprun {

enum class Pairs : uint8_t { kApart, kTogether };
enum class GlobalNorm : uint8_t { kKept, kLeftOut };

struct ArrangedProgram {
  // The plan with this one program and only what RunMachine reads of it.
  Plan plan;
  // [position][instruction]: its index in the original; -1: one that holds a pair together.
  std::vector<std::vector<int32_t>> original;
};

// Whether there is anything to arrange; if not, the plan can be run as it is.
bool NeedsArranging(const Plan& plan, ProgramKind program, const std::vector<PlannedTasks>& tasks,
                    GlobalNorm norm);

// `tasks` by position. A norm left out: positions no longer meet to add its parts.
ArrangedProgram Arrange(const Plan& plan, ProgramKind program,
                        const std::vector<PlannedTasks>& tasks, Pairs pairs, GlobalNorm norm);

}  // namespace pprun
