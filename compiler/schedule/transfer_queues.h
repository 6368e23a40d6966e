// The queues of a problem's transfers, as `transfers` says and passes/flows.cc makes them. Tests:
// queued_time_test.cc.
#pragma once

#include "compiler/schedule/greedy/problem.h"
#include "dsl/checked.h"

namespace pprun {

// Of what goes to a peer, or of a flow, both ends are in one order: one queue stands for both.
void AddQueues(TransferQueues transfers, GreedyProblem& problem);

}  // namespace pprun
