// What the search's clock says of an order, its problem built here apart from what builds it for
// `greedy`.
#pragma once

#include "compiler/schedule/task_order.h"
#include "dsl/checked.h"

namespace pprun {

// Of an order without overlapped pairs, in which a rank runs whole backwards or their halves.
int64_t QueuedTimeOf(const TaskOrder& order, const TaskCosts& costs, TransferQueues transfers);

}  // namespace pprun
