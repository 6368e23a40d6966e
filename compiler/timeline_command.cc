// `ppc timeline`: a step, predicted and drawn, beside what was measured if a trace is given. Tests:
// golden/commands/timeline*.sched.
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "compiler/command_input.h"
#include "compiler/commands.h"
#include "compiler/plan/base/input_file.h"
#include "compiler/report/compare_traces.h"
#include "compiler/report/html_timeline.h"
#include "compiler/report/read_trace.h"
#include "compiler/report/svg_timeline.h"
#include "compiler/report/timeline.h"

namespace pprun {
namespace {

struct TimelineInput {
  CommandInput plan;
  std::optional<std::string> measured;
  std::optional<int64_t> repeat;  // of the step, in the trace
  Switch instructions = Switch::kOff;
  std::optional<std::string> chrome, html, svg;
  int64_t width = 100;
  std::string colour = "never";
};

TimelineInput ReadTimelineInput(const std::vector<const char*>& words) {
  TimelineInput input;
  std::optional<int64_t> step;
  Arguments arguments("ppc timeline", "predicts a step and draws it, a row a rank");
  DeclareFile(arguments, input.plan);
  DeclareCosts(arguments, input.plan);
  arguments.Flag("measured", "TRACE",
                 "a trace that `pprun --trace` wrote: draw it below the prediction, and say where "
                 "each rank's time went",
                 &input.measured);
  DeclareSteps(arguments, input.plan);
  arguments.Flag("step", "N", "which step of the trace, as `pprun` counts them (default: its last)",
                 &step);
  arguments.Flag("instructions", "", "with a trace, a line for every instruction too",
                 &input.instructions);
  arguments.Flag("html", "FILE",
                 "write a page too: zoom, instructions, critical path, memory; needs no network",
                 &input.html);
  arguments.Flag("svg", "FILE", "write a figure too", &input.svg);
  arguments.Flag("chrome", "FILE", "write Chrome trace events too, for Perfetto", &input.chrome);
  arguments.Flag("width", "COLUMNS", "of the text, 40 to 1000 (default 100)", &input.width);
  arguments.Flag("colour", "WHEN", "always or never (default)", &input.colour);
  ReadArguments(arguments, words);
  if (input.width < 40 || input.width > 1000) {
    throw std::invalid_argument("`--width` is from 40 to 1000");
  }
  if (input.colour != "always" && input.colour != "never") {
    throw std::invalid_argument("`--colour` is always or never");
  }
  if (!input.measured && (step || input.instructions == Switch::kOn)) {
    throw std::invalid_argument("`--step` and `--instructions` need `--measured`");
  }
  if (step && *step < NumberOfRun(0)) throw std::invalid_argument("`--step` counts from 1");
  if (step) input.repeat = *step - NumberOfRun(0);
  if (input.measured && input.plan.predict.steps != 1) {
    throw std::invalid_argument("`--measured` is compared with one step: leave `--steps` out");
  }
  CheckOutputs({{"the plan", input.plan.file}, {"`--measured`", input.measured}},
               {{"`--chrome`", input.chrome}, {"`--html`", input.html}, {"`--svg`", input.svg}});
  return input;
}

Trace ReadMeasured(const std::string& path, const Plan& plan) {
  Trace trace;
  try {
    trace = ReadChromeTrace(ReadFile(path), plan);
    if (trace.kind != Trace::Kind::kMeasured) {
      throw std::runtime_error("it is predicted, not measured");
    }
  } catch (const std::runtime_error& error) {
    const std::string what = error.what();
    // What cannot be read names the path already.
    throw std::runtime_error(what.starts_with("cannot read") ? what : path + ": " + what);
  }
  return trace;
}

template <typename Write>
void WritePicture(const std::string& path, const Write& write) {
  std::ostringstream text;
  write(text);
  WriteTextFile(path, text.str());
}

}  // namespace

int TimelineCommand(const std::vector<const char*>& words) {
  const TimelineInput input = ReadTimelineInput(words);
  // What ran was compiled without costs, which order transfers; they are for the prediction alone.
  const std::optional<Plan> plan = input.measured ? PlanAsItRuns(input.plan) : PlanOf(input.plan);
  if (!plan) return 1;
  const Trace predicted = Predict(*plan, input.plan.predict);
  TimelineOptions options{.width = static_cast<int>(input.width), .repeat = kAllRepeats};
  if (input.colour == "always") options.colour = TimelineOptions::Colour::kAnsi;

  std::optional<Trace> measured;
  std::optional<TraceComparison> comparison;
  if (input.measured) {
    measured = ReadMeasured(*input.measured, *plan);
    comparison = Compare(*plan, predicted, *measured, {.repeat = input.repeat});
    std::cout << ComparisonHead(*plan, *comparison) << "\n"
              << TextTimeline(*plan, predicted, *measured, *comparison, options) << "\n"
              << ComparisonTables(*plan, *comparison,
                                  input.instructions == Switch::kOn
                                      ? ComparisonDetail::kInstructions
                                      : ComparisonDetail::kKinds);
  } else {
    std::cout << TextTimeline(*plan, predicted, options);
  }
  const std::vector<NamedTrace> drawn = {
      {.plan = &*plan, .predicted = &predicted, .measured = measured ? &*measured : nullptr}};
  if (input.chrome) {
    WritePicture(*input.chrome, [&](std::ostream& out) {
      if (measured) {
        WriteChromeTrace(out, *plan, predicted, *measured, *comparison);
      } else {
        WriteChromeTrace(out, *plan, predicted);
      }
    });
  }
  if (input.html) {
    WritePicture(*input.html, [&](std::ostream& out) {
      WriteHtmlTimeline(out, drawn, {.repeat = input.repeat});
    });
  }
  if (input.svg) {
    WritePicture(*input.svg, [&](std::ostream& out) {
      WriteSvgTimeline(out, drawn, {.repeat = input.repeat});
    });
  }
  return 0;
}

}  // namespace pprun
