// Predicts a run: the plan on a virtual clock. Shares RunMachine with the verifier, so it runs what
// is proven.
//
// An instruction starts when the machine lets it, and takes what the cost table says; costs are in
// units of the caller's choice. One replica stands for all: events are of the ranks whose other
// coordinates are zero. n log n in the number of instructions. Tests: simulate_test.cc,
// costs_test.cc, figures_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// Cost of a whole task of one stage; its layers share it equally. A backward costs input_grad +
// weight_grad.
struct CostTable {
  double forward = 1;
  double input_grad = 1;
  double weight_grad = 1;
  double transfer = 0;    // a send with its recv
  double collective = 0;  // each
};

// Parses "F=1,B=2,C=0.1" or "F=1,I=1,W=1,A=0.5" (C a transfer, A a collective); what is not named
// keeps its default. Throws std::invalid_argument with what is wrong.
CostTable ParseCosts(std::string_view text);

// The plan must be proven: CHECKs that the program runs to its end.
Trace Simulate(const Plan& plan, ProgramKind program, const CostTable& costs, int32_t repeats = 1);

// Figures of one run of the step, from a trace of either kind.
struct Figures {
  double makespan = 0;            // first begin to last end of any run
  double work = 0;                // mean over ranks of the time their runs take
  double bubble_of_makespan = 0;  // 1 - work / makespan
  std::vector<double> busy;       // of each rank that the trace has, ascending
};
Figures Summarise(const Plan& plan, const Trace& trace, int64_t repeat = 0);

}  // namespace pprun
