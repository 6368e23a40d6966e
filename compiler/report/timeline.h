// Draws a trace. Text: a row a rank, time to the right, forward and backward boxes with microbatch
// numbers, idle visible, the bubble in the title. Chrome trace events: process = rank, thread =
// stream, flow arrows from send to recv. Tests: timeline_test.cc and golden/timeline/.
#pragma once

#include <iosfwd>
#include <string>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

struct TimelineOptions {
  int width = 100;  // columns for the whole picture
  enum class Colour : uint8_t { kNever, kAnsi } colour = Colour::kNever;
  int64_t repeat = 0;  // which run of the step
};
std::string TextTimeline(const Plan& plan, const Trace& trace, const TimelineOptions& options);

// Opens in Perfetto and chrome://tracing. One unit of a predicted trace is shown as a millisecond.
void WriteChromeTrace(std::ostream& out, const Plan& plan, const Trace& trace);

}  // namespace pprun
