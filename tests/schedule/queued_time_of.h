// What the search's clock says of an order, its problem built here apart from what builds it for
// `greedy`.
#pragma once

#include "compiler/schedule/task_order.h"
#include "dsl/checked.h"

namespace pprun {

// Overlapped pairs run one task after the other, which is no later where a pair costs its tasks.
int64_t QueuedTimeOf(const TaskOrder& order, const TaskCosts& costs, TransferQueues transfers);

}  // namespace pprun
