// This machine as the ranks of a run share it, for `ppc ... --machine FILE`: products, memory, what
// an operation costs beside its work, and messages. All ranks work at the same time, as in a run.
// Tests: measure_machine_test.cc.
#pragma once

#include <chrono>
#include <cstdint>

#include "compiler/simulate/machine.h"

namespace pprun {

struct MeasureOptions {
  int64_t ranks = 1;
  int threads = 1;  // of each rank
  // Of each figure: work is repeated for at least so long.
  std::chrono::milliseconds duration{400};
};

// The figures are those of one rank, so all achievable fractions are 1: FLOP/s of a product of
// [1024, 1024] with [1024, 1024]; bandwidth of a sum of two arrays of 32 MiB; the time of a sum of
// 16 elements as the launch; and messages of 4 bytes and of 32 MiB between pairs of ranks (between
// two where there is one rank) as the one link. Throws std::runtime_error.
Machine MeasureMachine(const MeasureOptions& options);

}  // namespace pprun
