// The figures that a run ends with. Tests: run_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// Floating-point operations of the matrix products of one step, on all ranks.
double StepFlops(const Plan& plan);

struct RunFigures {
  int64_t steps = 0;
  int64_t tokens = 0;
  double flops = 0;
  double seconds = 0;  // of the steps, validation not counted
  std::optional<double> loss;
  std::optional<double> validation_loss;  // the last ones
  double predicted_bubble = 0;
  std::optional<double> measured_bubble;
  // The most activations at once, of the rank that has most.
  int64_t predicted_activations = 0;
  std::optional<int64_t> measured_activations;
  int64_t arena_bytes = 0;
  int64_t touched_bytes = 0;
  int64_t resident_bytes = 0;  // of the run's processes, each at its peak
};

// Five lines, each with its end of line.
std::string ToText(const RunFigures& figures);

// The bubble of one traced step; none if it was not traced whole.
std::optional<double> MeasuredBubble(const Plan& plan, const Trace& trace, int64_t step);

// The most activations live at once on a rank in one traced step; none as above.
std::optional<int64_t> MeasuredActivations(const Plan& plan, const Trace& trace, int64_t step);

// The most that this process ever had in physical memory.
int64_t PeakResidentBytes();

}  // namespace pprun
