// How many activations were live at once, counted from when things ran and not from the order in
// which the plan issues them: what Figures::peak_activations says of the plan, a run can be held
// against, and drawn from the same changes. Linear times the logarithm of the trace's runs. Tests:
// live_activations_test.cc, and for every built-in schedule library_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/simulate/figures.h"

namespace pprun {

// At `time`, so many activations more or fewer.
struct ActivationChange {
  double time = 0;
  int64_t change = 0;  // 1 or -1
};

// By rank, in the order in which they count. The activation of a stage's microbatch is live from
// the begin of its first forward run to the end of the last run that makes it or computes a
// gradient from it; what ends when another begins is not there with it. An overlapped pair holds
// both of its activations, whichever of the two was ahead: that of its backward counts until its
// forward has begun. `events`: of the step; an activation of which they have no forward is left
// out.
std::map<int64_t, std::vector<ActivationChange>> ActivationChanges(
    const Plan& plan, std::span<const TraceEvent> events);

// By rank, the most at one time in one run of the step, or in all that the trace has.
std::map<int64_t, int64_t> LiveActivations(const Plan& plan, const Trace& trace,
                                           int64_t repeat = kAllRepeats);

}  // namespace pprun
