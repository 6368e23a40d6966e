// Predicts a run: the plan on a virtual clock. Shares RunMachine with the verifier, so it runs what
// is proven.
//
// An instruction starts when the machine lets it, and takes what the cost model says; costs are in
// units of the caller's choice, or seconds. The two tasks of an overlapped pair start when both can
// and end together. One replica stands for all: events are of the ranks whose other coordinates are
// zero. Linear in the number of instructions times streams. Tests: simulate_test.cc.
#pragma once

#include <cstdint>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/simulate/cost_model.h"
#include "compiler/simulate/costs.h"
#include "compiler/simulate/figures.h"

namespace pprun {

// What is between two runs of the program, on several positions.
enum class Barrier : uint8_t {
  kAsPlanned,  // nothing but the global norm, if the plan has one
  kOn,         // all positions end a run together
  kOff,        // nothing: a global norm that the plan has is taken without meeting
};

// The plan must be proven: CHECKs that the program runs to its end. Throws as InstructionCosts.
Trace Simulate(const Plan& plan, ProgramKind program, const CostModel& model, int32_t repeats = 1,
               Barrier barrier = Barrier::kAsPlanned);

}  // namespace pprun
