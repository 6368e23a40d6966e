// The words of a picture that all kinds of picture share: its title, the names of its rows, the
// numbers on its time axis. Tests: text_timeline_test.cc, svg_timeline_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/rows.h"
#include "compiler/simulate/figures.h"

namespace pprun {

// How times are written: units of costs as they are, seconds in a fitting unit.
struct TimeUnit {
  double factor = 1;
  std::string suffix;  // " ms"
};
TimeUnit UnitFor(Trace::Unit unit, double makespan);
// What the numbers of an axis are: "cost units", "time (ms)".
std::string AxisLabel(const TimeUnit& unit);
// "66", "697.4 ms".
std::string TimeText(double time, const TimeUnit& unit);

// "one_f_one_b, 4 stages x 2 replicas, 8 microbatches".
std::string SubjectOf(const Plan& plan);
// "predicted makespan 33, bubble 27.3 %".
std::string FindingOf(const Trace& trace, double makespan, double bubble);

// "mean over ranks", or "least busy rank: pairs overlap".
std::string WorkOfText(WorkOf work_of);

// "rank 0", or "position 0" where a row stands for all replicas; with the stream where a rank has
// several rows.
std::vector<std::string> LabelsOf(const Plan& plan, const Trace& trace,
                                  const std::vector<Row>& rows);

// `text` as text of XML and HTML, in elements and in quoted attributes. What these cannot hold,
// control characters and bytes that are not UTF-8, is replaced.
std::string MarkupText(std::string_view text);

// The smallest of 1, 2, 5, 10, 20, ... (and their fractions) that is not below `least`.
double RoundStep(double least);

}  // namespace pprun
