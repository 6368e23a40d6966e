// What the commands that predict share: the cost model that the command line names, and the unit
// costs by which the compiler orders transfers under it. Tests: predict_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/schedule/task_order.h"
#include "compiler/simulate/simulate.h"

namespace pprun {

struct PredictOptions {
  std::optional<std::string> costs;    // --cost F=1,B=2
  std::optional<std::string> machine;  // --machine h100
  std::optional<std::string> profile;  // --profile FILE
  int64_t steps = 1;
  std::string barrier = "as_planned";  // or on, off
};

// At most one of the three may be given; unit costs if none is. Throws std::invalid_argument.
CostModel ModelOf(const PredictOptions& options);

// What turns costs into integers: exactly, if they are decimals of few digits (a million of the
// last digit is no less than the largest), else to a millionth of the largest. 0 if none is
// positive.
double CostScale(const std::vector<double>& costs);

// The table's costs as integers, so scaled; unit costs of any other model.
TaskCosts TaskCostsOf(const CostModel& model);
// What the model says of a plan's tasks, by stage, and of its fastest transfer; so scaled.
TaskCosts TaskCostsOf(const Plan& plan, const CostModel& model);

// Throws std::invalid_argument if the plan is a study and the costs were to come from its model.
void CheckCostsFit(const Plan& plan, const PredictOptions& options);

// The names of those costs of `--cost` that change nothing, since the plan's step has nothing of
// their kind: `A` without a collective, `FB` without an overlapped pair.
std::vector<std::string> CostsOfNothing(const Plan& plan, const PredictOptions& options);
// "`A` changes nothing: there is no collective in this plan".
std::string ChangesNothing(const std::string& name, const std::string& where);
// A line for each cost that changes nothing.
std::string NotesOnCosts(const Plan& plan, const PredictOptions& options);

// How often the step runs, and what is between two runs. Throw std::invalid_argument.
int32_t StepsOf(const PredictOptions& options);
Barrier BarrierOf(const PredictOptions& options);

// The step, `steps` times in a row. Throws std::invalid_argument.
Trace Predict(const Plan& plan, const PredictOptions& options);

}  // namespace pprun
