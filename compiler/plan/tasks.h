// The tasks of a program again: the runs of one stage's layers for one microbatch are one task, and
// the two tasks of an `overlap` are a pair. Linear in the number of instructions. Tests:
// pairs_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// A task as a plan has it: indices are of the program's instructions.
struct PlannedTask {
  TaskKind kind = TaskKind::kForward;
  StageId stage;
  ChunkId chunk;
  MicrobatchId microbatch;
  StreamId stream;       // of its first run
  int32_t first = 0;     // run
  int32_t last = 0;      // run
  int32_t runs = 0;      // how many
  int32_t partner = -1;  // of an overlapped pair: the other task; -1: none
};

struct PlannedTasks {
  std::vector<PlannedTask> tasks;  // by first run
  std::vector<int32_t> task_of;    // by instruction; -1: not a run
};

// A pair is recognised by where it is: the second of its tasks is the only kind of task on
// "compute.1", and is issued next after the first.
PlannedTasks TasksOf(const Position& position, ProgramKind program);

// Whether any two tasks of the position may be a pair.
bool MayHavePairs(const Position& position);

}  // namespace pprun
