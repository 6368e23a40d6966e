// What a still picture of schedules shows, whatever draws it: a panel a schedule, in it a row a
// rank; where a run was measured, each rank's prediction stands above it. All times are on the
// picture's one axis, from the first task of their run on. Tests: panels_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/caption.h"
#include "compiler/report/looks.h"
#include "compiler/report/named_trace.h"
#include "compiler/report/rank_rows.h"

namespace pprun {

struct PanelRow {
  RankRow row;
  // Of the same rank as the row above, which is its prediction.
  enum class Place : uint8_t { kFirst, kBelow } place = Place::kFirst;
};

struct Panel {
  std::string name;                   // the schedule's
  std::string subject;                // "one_f_one_b, 4 stages, 8 microbatches, step 5"
  std::vector<std::string> findings;  // a run each: "predicted makespan 33, bubble 27.3 %"
  Looks looks;
  std::vector<PanelRow> rows;
  std::vector<int64_t> repeats;  // shown, ascending
};

struct Panels {
  std::vector<Panel> panels;
  double extent = 0;  // the longest run's
  TimeUnit unit;      // of the axis
};

// `repeat`: of a schedule with a measured trace the run of the step that is compared, by default
// its last; of others one, or all that the trace has. Plans must be proven, and traces be of them.
// Throws std::runtime_error where a measured trace has no such run.
Panels PanelsOf(const std::vector<NamedTrace>& traces, std::optional<int64_t> repeat);

}  // namespace pprun
