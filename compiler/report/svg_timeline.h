// Draws a trace as a figure: a standalone SVG that papers and browsers take as it is. A row a rank,
// time to the right, tasks in the colours of palette.h with their microbatches' numbers, idle
// white; the bubble in the title, a legend and a time axis below. Fonts are the reader's own
// sans-serif. Tests: svg_timeline_test.cc, tests/pictures/.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

struct SvgOptions {
  double width = 1000;            // pixels of the whole picture
  std::optional<int64_t> repeat;  // one run of the step; without it all that the trace has
};

// The plan must be proven, and the trace be of it. The picture's size does not grow with the trace:
// where a pixel has several tasks, it shows the kind that they are due in turn.
void WriteSvgTimeline(std::ostream& out, const Plan& plan, const Trace& trace,
                      const SvgOptions& options);

}  // namespace pprun
