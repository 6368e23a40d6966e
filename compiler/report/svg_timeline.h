// Draws schedules as a figure: a standalone SVG that papers and browsers take as it is. A row a
// rank, time to the right, tasks in the colours of palette.h with their microbatches' numbers, idle
// white; the bubble in the title, a legend and a time axis below. A measured run stands below its
// prediction, rank by rank; several schedules stand below each other on one axis. Fonts are the
// reader's own sans-serif. Tests: svg_timeline_test.cc, tests/pictures/.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <vector>

#include "compiler/report/named_trace.h"

namespace pprun {

struct SvgOptions {
  double width = 1000;  // pixels of the whole picture
  // The runs of the step that are shown: of a schedule with a measured trace the one that is
  // compared, by default its last; of others one, or all that the trace has.
  std::optional<int64_t> repeat;
};

// Plans must be proven, and traces be of them. The picture's size does not grow with the traces:
// where a pixel has several tasks, it shows the kind that they are due in turn. Throws
// std::runtime_error where a measured trace has no such run.
void WriteSvgTimeline(std::ostream& out, const std::vector<NamedTrace>& traces,
                      const SvgOptions& options);

}  // namespace pprun
