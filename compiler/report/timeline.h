// Draws a trace. Text: a row a rank, time to the right, forward and backward boxes with microbatch
// numbers, idle visible, the bubble in the title. Chrome trace events: process = rank, thread =
// stream, flow arrows from send to recv. Tests: timeline_test.cc and golden/timeline/.
#pragma once

#include <iosfwd>
#include <string>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/compare_traces.h"

namespace pprun {

struct TimelineOptions {
  int width = 100;  // columns for the whole picture
  enum class Colour : uint8_t { kNever, kAnsi } colour = Colour::kNever;
  int64_t repeat = 0;  // which run of the step, or kAllRepeats
};
std::string TextTimeline(const Plan& plan, const Trace& trace, const TimelineOptions& options);

// Both traces of one plan, as they were compared: two rows a rank, the prediction above, on one
// axis. Without a title.
std::string TextTimeline(const Plan& plan, const Trace& predicted, const Trace& measured,
                         const TraceComparison& comparison, const TimelineOptions& options);

// Opens in Perfetto and chrome://tracing. A unit of costs is shown as a millisecond.
void WriteChromeTrace(std::ostream& out, const Plan& plan, const Trace& trace);
// Both: two processes a rank, the prediction beside the run that it was compared with. What is kept
// to be read back is the measured trace.
void WriteChromeTrace(std::ostream& out, const Plan& plan, const Trace& predicted,
                      const Trace& measured, const TraceComparison& comparison);

}  // namespace pprun
