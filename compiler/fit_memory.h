// The best of a schedule that fits a limit of memory, where the schedule can be told how much there
// is: it has a `greedy` and a parameter `memory` (activations of a chunk, or with a unit their
// bytes), and the plan leaves that at its default.
//
// A limit in activations is the parameter's value. One in bytes is found by trying: what a plan
// needs beside activations is known when it is made. The schedule as it is competes too. Tests:
// fit_memory_test.cc.
#pragma once

#include <string>

#include "compiler/measure_plan.h"

namespace pprun {

// Whether a compiled schedule can be told so.
bool FollowsMemory(const Compilation& result, const CompileOptions& compile);

struct FitInputs {
  const std::string& path;
  const CompileOptions& compile;  // of the schedule as it is
  const CompareOptions& options;  // with a limit
};

struct FittedPlan {
  MeasuredPlan measured;  // refused if nothing fits, for what it needs at the least
  std::string memory;     // the parameter's value; empty: its default
};

// `own` is what `compile` gave, and right.
FittedPlan FitMemory(const FitInputs& inputs, std::string name, Compilation own);

}  // namespace pprun
