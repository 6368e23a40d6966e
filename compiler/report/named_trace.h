// What pictures of several schedules are given, and the time axis that they share. Tests:
// panels_test.cc, html_timeline_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/compare_traces.h"

namespace pprun {

// One schedule of a picture. What it points to must outlive the call.
struct NamedTrace {
  std::string name;  // empty: the schedule's own
  const Plan* plan = nullptr;
  const Trace* predicted = nullptr;  // or the only one there is
  const Trace* measured = nullptr;   // beside the prediction; null: there is none
};

struct SharedAxis {
  Trace::Unit shown = Trace::Unit::kOfCosts;
  double unit = 1;  // on the axis, of a trace that is not compared with a measured one
  std::vector<std::optional<TraceComparison>> comparisons;  // of each schedule that was measured
};

// Plans must be proven, and traces be of them. `repeat`: which measured run of the step is
// compared, by default the last. Throws std::runtime_error where there is none.
SharedAxis AxisOf(const std::vector<NamedTrace>& traces, std::optional<int64_t> repeat);

}  // namespace pprun
