// The tasks of a program as the passes have left them: where the runs of each are now, and which
// two are an `overlap`. Passes put instructions between runs, and change neither their number nor
// their order. Linear in the number of instructions. Tests: assign_memory_test.cc,
// insert_events_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/passes/draft.h"

namespace pprun {

struct IssuedTask {
  const OrderedTask* task = nullptr;
  StreamId stream;
  int32_t first = 0;     // run
  int32_t last = 0;      // run
  int32_t partner = -1;  // of an overlapped pair: the other, in the list; -1: none
};

// In the order of issue; tasks without runs, of layers that have nothing to do, are left out.
std::vector<IssuedTask> IssuedTasks(const Draft& draft, PositionId position, ProgramKind program);

// Whether any two overlap.
bool HasPairs(const Draft& draft, PositionId position, ProgramKind program);

}  // namespace pprun
