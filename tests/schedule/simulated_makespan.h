// What the simulated plan of a schedule takes: slow, but of any schedule.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/schedule/task_order.h"

namespace pprun {

struct SimulatedCase {
  std::string schedule;
  int32_t pp = 2;
  std::vector<Override> overrides;
  const TaskCosts& costs;
};

int64_t SimulatedMakespan(const SimulatedCase& simulated);

}  // namespace pprun
