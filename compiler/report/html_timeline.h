// Draws traces as one self-contained HTML page: no network, no other file. Rows of tasks that zoom,
// what each instruction is, where it comes from and when it was predicted and measured, the
// critical path, memory over time, where idle time went; several schedules stand below each other
// on one time axis. The page's script and style are in page/; the data is JSON in the page, and
// names of any kind stay text. Tests: html_timeline_test.cc, tests/pictures/.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string_view>
#include <vector>

#include "compiler/report/named_trace.h"

namespace pprun {

struct HtmlOptions {
  // The runs of the step that are shown: of a schedule with a measured trace the one that is
  // compared, by default its last; of others one, or all that the trace has.
  std::optional<int64_t> repeat;
};

// Plans must be proven, and traces be of them. Throws std::runtime_error where a trace has no such
// run.
void WriteHtmlTimeline(std::ostream& out, const std::vector<NamedTrace>& traces,
                       const HtmlOptions& options);

// The page's own parts, as in page/.
std::string_view TimelineStyle();
std::string_view TimelineScript();

}  // namespace pprun
