// What lives in memory over the time of a run: of each rank, the bytes of activation frames and
// transfer slots between their first write and their last read, and the number of activations.
// Buffers that share memory count once at a time, as verify/ has proven them apart.
// Tests: memory_use_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/report/linked_run.h"

namespace pprun {

struct UsePoint {
  double time = 0;
  int64_t amount = 0;  // from here on, until the next point
};

struct RankUse {
  int64_t rank = 0;
  std::vector<UsePoint> bytes;        // live, of frames and transfer slots
  std::vector<UsePoint> activations;  // as LiveActivations counts them
  int64_t reserved = 0;               // bytes of the arenas of frames and transfer slots
  int64_t fixed = 0;                  // bytes of all other arenas
};

// Of each rank that the run has, ascending. The run must be of the plan.
std::vector<RankUse> MemoryOf(const Plan& plan, const LinkedRun& run);

int64_t PeakOf(const std::vector<UsePoint>& points);

}  // namespace pprun
