// The figures of a prediction, as `ppc simulate` prints them. Tests: explain_figures_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/plan/plan.h"
#include "compiler/simulate/simulate.h"

namespace pprun {

struct PredictionOptions {
  CostModel model;
  int32_t steps = 1;  // one after the other; the figures are of all together
  Barrier barrier = Barrier::kAsPlanned;
};

// The plan must be proven. Throws as Simulate does.
Figures PredictFigures(const Plan& plan, const PredictionOptions& options);

// Whether a step goes on after its tasks, and that in words; `step` is its time.
bool TakesMoreThanTasks(const Figures& figures);
std::string WholeStepText(const std::string& step);

// A line of totals and one a rank, or, where a predicted rank stands for all replicas, one a
// position; FiguresJson has the same as JSON. `unit`: of the trace.
std::string FiguresText(const Plan& plan, const Figures& figures, Trace::Unit unit);

}  // namespace pprun
