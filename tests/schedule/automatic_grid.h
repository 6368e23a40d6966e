// The schedule `automatic` beside the library, case by case. A case fixes what all contenders
// share: ranks, chunks a rank and so stages, copies of the parameters, microbatches, costs by
// stage, queues of transfers, and how many activations of a chunk a rank may hold. Makespans are
// those of the simulated plans, queues and buffers included (queued_time.h). Every library schedule
// of that many chunks and copies that is legal and holds no more contends; `automatic` chooses its
// own placement and order, without any of them among its candidates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/schedule/task_order.h"
#include "tests/schedule/library.h"

namespace pprun {

struct GridCase {
  int32_t pp = 2;
  int32_t chunks = 1;
  // Two pipes in opposite directions: twice the parameters, a schedule of the user's own in place
  // of `automatic`, DualPipe in the library.
  int32_t pipes = 1;
  int32_t microbatches = 4;
  enum class Costs : uint8_t { kEqual, kUnequal, kByStage, kFarApart } costs = Costs::kEqual;
  // Of what 1F1B's first rank holds, in halves; 0: the least that a schedule of the library holds.
  int32_t limit_halves = 0;
  TransferQueues transfers = TransferQueues::kPerPeer;
  uint64_t seed = 0;
};

struct GridResult {
  std::string library;  // the best that fits; empty: the case has none
  int64_t library_makespan = 0;
  int64_t limit = 0;
  int64_t makespan = 0;
  int64_t peak = 0;
  int64_t bound = 0;  // of every placement that `automatic` may choose
  double seconds = 0;
  TaskOrder order;
};

// All cases; every `stride`th of them.
std::vector<GridCase> GridCases(int32_t most_ranks, int32_t most_microbatches, size_t stride);
GridResult RunCase(const Library& library, const GridCase& grid_case);

std::string ToText(const GridCase& grid_case);

struct GridSummary {
  int cases = 0;
  int worse = 0;
  int over_limit = 0;
  int below_bound = 0;
  int unequal = 0;
  int better_of_unequal = 0;
  std::vector<double> gaps;  // over the bound

  void Add(const GridCase& grid_case, const GridResult& result);
  // Of the gaps, the one below which so many hundredths are.
  double Gap(int hundredths) const;
};

}  // namespace pprun
