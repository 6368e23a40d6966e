// Predicts when every task of an order starts. Transfers are ordered by these times. A task runs
// when its position reaches it and what it needs has ended: F(s, i) needs F(s-1, i); I(s, i) and
// B(s, i) need that of (s+1, i), a transfer later if that is at another position; everything on one
// position runs in order. The two of an overlapped pair start and end together.
//
// An order in which positions wait for each other in a circle has no times: the circle is reported,
// one line a member. Linear in the number of tasks. Tests: predict_times_test.cc and
// golden/errors/.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/schedule/task_order.h"
#include "dsl/diagnostics.h"

namespace pprun {

struct TaskTime {
  int64_t start = 0;
  int64_t end = 0;
};

// [position][task], as in the order.
using TaskTimes = std::vector<std::vector<TaskTime>>;

std::optional<TaskTimes> PredictTimes(const TaskOrder& order, const TaskCosts& costs,
                                      Diagnostics& diagnostics);

}  // namespace pprun
