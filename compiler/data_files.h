// Whether the data that a plan names is there, as far as a file's size says: a warning, for the
// data may be where the plan will run. Tests: golden/commands/check_data.sched.
#pragma once

#include <string>

#include "compiler/plan/plan.h"

namespace pprun {

// "plan.sched:10:10: warning: ...", a line for each; empty where nothing is missing.
std::string DataWarnings(const Plan& plan);

}  // namespace pprun
