// A time that no order of a problem can beat; where a search has reached it, it may stop.
//
// The largest, over ranks, of
//   - one machine with heads and tails: of any set of a rank's kinds of tasks, the least time
//   before
//     one can start, their work, and the least time after one has ended (Carlier 1982);
//   - filling and draining with the room there is: before a rank's first gradient it runs no more
//     forwards than it can hold, and after its last forward no more gradients and weight gradients
//     than those of what it then holds;
//   - room over time: every activation is held at least while its microbatch goes to the last stage
//     and back, and the first of them start one after another, as the last of them end; of one
//     part a rank also in whole rounds: an activation starts where the one `limit` before it ended.
// A rank whose order is given counts as any other. Tests: search_order_test.cc.
#pragma once

#include <cstdint>

#include "compiler/schedule/greedy/problem.h"

namespace pprun {

int64_t LowerBound(const GreedyProblem& problem);

}  // namespace pprun
