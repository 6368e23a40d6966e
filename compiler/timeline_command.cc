// `ppc timeline`: a step, predicted and drawn. Tests: golden/commands/timeline*.sched.
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "compiler/command_input.h"
#include "compiler/commands.h"
#include "compiler/report/html_timeline.h"
#include "compiler/report/svg_timeline.h"
#include "compiler/report/timeline.h"

namespace pprun {

int TimelineCommand(const std::vector<const char*>& words) {
  CommandInput input;
  std::optional<std::string> chrome, html, svg;
  int64_t width = 100;
  std::string colour = "never";
  Arguments arguments("ppc timeline", "predicts a step and draws it, a row a rank");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("chrome", "FILE", "write Chrome trace events too, for Perfetto", &chrome);
  arguments.Flag("html", "FILE", "write a page too: zoom, instructions, critical path, memory",
                 &html);
  arguments.Flag("svg", "FILE", "write a figure too", &svg);
  arguments.Flag("width", "COLUMNS", "of the text, 40 to 1000 (default 100)", &width);
  arguments.Flag("colour", "WHEN", "always or never (default)", &colour);
  ReadArguments(arguments, words);
  if (width < 40 || width > 1000) throw std::invalid_argument("`--width` is from 40 to 1000");
  if (colour != "always" && colour != "never") {
    throw std::invalid_argument("`--colour` is always or never");
  }
  CheckOutputs(input, {{"--chrome", chrome}, {"--html", html}, {"--svg", svg}});
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  const Trace trace = Predict(*plan, input.predict);
  TimelineOptions options{.width = static_cast<int>(width)};
  if (colour == "always") options.colour = TimelineOptions::Colour::kAnsi;
  std::cout << TextTimeline(*plan, trace, options);
  const auto draw = [](const std::string& path, const auto& write) {
    std::ostringstream text;
    write(text);
    WriteTextFile(path, text.str());
  };
  if (chrome) draw(*chrome, [&](std::ostream& out) { WriteChromeTrace(out, *plan, trace); });
  if (svg) draw(*svg, [&](std::ostream& out) { WriteSvgTimeline(out, *plan, trace, {}); });
  if (html) {
    draw(*html, [&](std::ostream& out) {
      WriteHtmlTimeline(out, {{.plan = &*plan, .predicted = &trace}}, {});
    });
  }
  return 0;
}

}  // namespace pprun
