// The best order that a bounded search finds. Tests: search_order_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/schedule/greedy/list_schedule.h"
#include "compiler/schedule/greedy/problem.h"

namespace pprun {

struct FoundOrder {
  int64_t makespan = -1;  // -1: no order was found
  int64_t nodes = 0;      // passes of the scheduler that it took
  size_t problem = 0;     // of the alternatives
  RankOrders orders;
};

// Of the alternatives (placements of the same schedule) and of everything that `nodes` passes of
// the list scheduler find, the order that ends first, with transfers that queue (queued_time.h).
// More passes never find a worse one. The same in every run.
FoundOrder SearchOrder(const std::vector<GreedyProblem>& alternatives, int64_t nodes);

}  // namespace pprun
