#include "tests/schedule/simulated_makespan.h"

#include <cmath>

#include "compiler/plan/base/check.h"
#include "compiler/simulate/figures.h"
#include "compiler/simulate/simulate.h"
#include "tests/compile/compile_source.h"

namespace pprun {

int64_t SimulatedMakespan(const SimulatedCase& simulated) {
  const Compilation compiled = CompileSource(
      "mesh { pp = " + std::to_string(simulated.pp) + "; }\nschedule " + simulated.schedule + ";\n",
      simulated.overrides, simulated.costs);
  CHECK(compiled.Ok());
  const auto list = [](const std::vector<int64_t>& whole) {
    return std::vector<double>(whole.begin(), whole.end());
  };
  const CostTable table{.forward = list(simulated.costs.forward),
                        .input_grad = list(simulated.costs.input_grad),
                        .weight_grad = list(simulated.costs.weight_grad),
                        .transfer = static_cast<double>(simulated.costs.transfer)};
  const Trace trace = Simulate(*compiled.plan, ProgramKind::kStep, table);
  return std::llround(Summarise(*compiled.plan, trace).makespan);
}

}  // namespace pprun
