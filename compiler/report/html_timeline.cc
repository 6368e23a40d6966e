#include "compiler/report/html_timeline.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <stdexcept>

#include "compiler/plan/base/json.h"
#include "compiler/report/caption.h"
#include "compiler/report/html_data.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

// JSON that a `<script>` element can hold: nothing in it closes the element or opens a comment.
std::string InScript(const std::string& json) {
  std::string result;
  for (const char c : json) {
    if (c == '<') {
      result += "\\u003c";
    } else {
      result += c;
    }
  }
  return result;
}

void CheckRepeat(const Trace& trace, std::optional<int64_t> repeat) {
  const std::vector<int64_t> repeats = RepeatsOf(trace);
  if (repeats.empty()) throw std::runtime_error("the trace has no step");
  if (repeat && !std::ranges::binary_search(repeats, *repeat)) {
    throw std::runtime_error("the trace has no step " + std::to_string(NumberOfRun(*repeat)) +
                             "; it has " + std::to_string(NumberOfRun(repeats.front())) + " to " +
                             std::to_string(NumberOfRun(repeats.back())));
  }
}

}  // namespace

void WriteHtmlTimeline(std::ostream& out, const std::vector<NamedTrace>& traces,
                       const HtmlOptions& options) {
  HtmlData data;
  const SharedAxis shared = AxisOf(traces, options.repeat);
  for (size_t i = 0; i < traces.size(); ++i) {
    const NamedTrace& named = traces[i];
    const std::string& name = named.name.empty() ? named.plan->schedule : named.name;
    const std::optional<TraceComparison>& comparison = shared.comparisons[i];
    if (!comparison) {
      CheckRepeat(*named.predicted, options.repeat);
      data.AddSchedule(name, *named.plan);
      data.AddRun(*named.predicted, options.repeat, shared.unit);
      continue;
    }
    data.AddSchedule(name, *named.plan);
    data.AddRun(*named.predicted, RepeatsOf(*named.predicted).back(), comparison->unit,
                ScaleText(*comparison));
    data.AddRun(*named.measured, comparison->repeat, 1);
  }
  const TimeUnit axis = UnitFor(shared.shown, data.extent());

  std::string title = traces.empty() ? "timeline" : SubjectOf(*traces[0].plan);
  if (traces.size() > 1) title += " and " + std::to_string(traces.size() - 1) + " more";
  out << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      // The page asks nothing of any network, whatever the names in it say.
      << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "script-src 'unsafe-inline'; style-src 'unsafe-inline'\">\n"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      << "<title>" << MarkupText(title) << "</title>\n<style>\n"
      << TimelineStyle() << "</style>\n</head>\n<body>\n"
      << "<noscript>This page draws with JavaScript; an SVG needs none.</noscript>\n"
      << "<main id=\"page\"></main>\n<script type=\"application/json\" id=\"data\">"
      << InScript(std::move(data).Finish(axis)) << "</script>\n<script>\n"
      << TimelineScript() << "</script>\n</body>\n</html>\n";
}

}  // namespace pprun
