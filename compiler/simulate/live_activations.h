// How many activations were live at once, counted from when things ran and not from the order in
// which the plan issues them: what Figures::peak_activations says of the plan, a run can be held
// against. Linear times the logarithm of the trace's runs. Tests: live_activations_test.cc, and for
// every built-in schedule library_test.cc.
#pragma once

#include <cstdint>
#include <map>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/simulate/figures.h"

namespace pprun {

// By rank, the most at one time in one run of the step, or in all that the trace has. The
// activation of a stage's microbatch is live from the begin of its first forward run to the end of
// the last run that computes a gradient from it; what ends when another begins is not there with
// it. An overlapped pair holds both of its activations, whichever of the two was ahead: that of its
// backward counts until its forward has begun.
std::map<int64_t, int64_t> LiveActivations(const Plan& plan, const Trace& trace,
                                           int64_t repeat = kAllRepeats);

}  // namespace pprun
