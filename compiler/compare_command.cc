// `ppc compare`: plans under several schedules, as a table and on one time axis. Tests:
// golden/commands/compare*.sched.
#include <charconv>
#include <cmath>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "compiler/command_input.h"
#include "compiler/commands.h"
#include "compiler/compare_schedules.h"
#include "compiler/report/html_timeline.h"
#include "compiler/report/svg_timeline.h"

namespace pprun {
namespace {

// "40GiB", "40 GiB", "512 MiB": bytes; a number alone: activations.
void SetLimit(const std::string& text, CompareOptions& options) {
  double amount = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, amount);
  std::string unit(stop, end);
  unit.erase(0, unit.find_first_not_of(' '));
  int power = 0;
  if (unit.empty() && error == std::errc() && amount > 0 && amount < 1e9) {
    options.activation_limit = amount;
    return;
  }
  if (unit == "GiB") power = 30;
  if (unit == "MiB") power = 20;
  if (unit == "KiB") power = 10;
  const double bytes = std::ldexp(amount, power);
  if (error != std::errc() || power == 0 || !(bytes >= 1 && bytes < 1e18)) {
    throw std::invalid_argument(
        "`--memory`: an amount like 40GiB or 512MiB, or a number of "
        "activations expected, `" +
        text + "` found");
  }
  options.memory_limit = static_cast<int64_t>(bytes);
}

}  // namespace

int CompareCommand(const std::vector<const char*>& words) {
  CommandInput input;
  std::vector<std::string> files;
  std::optional<std::string> memory, html, svg;
  Switch json = Switch::kOff;
  CompareOptions options;
  Arguments arguments("ppc compare",
                      "predicts a plan under several schedules, or several plans, best first");
  arguments.Positional("FILE", "a .sched; with several (or a .csv, a .plan), each as it is",
                       &files);
  DeclareSettings(arguments, input);
  DeclareCosts(arguments, input, CostsOf::kRank);
  DeclareSteps(arguments, input);
  arguments.Flag("schedules", "A,B,...",
                 "which, as in `gpipe,breadth_first(chunks = 4)`; of one .sched by default its own "
                 "and all built-in ones",
                 &options.schedules);
  arguments.Flag(
      "memory", "AMOUNT",
      "leave out what needs more a rank, as in 40GiB; a number alone limits activations; "
      "sets the parameter `memory` of a schedule with `greedy`, if it is at its default",
      &memory);
  arguments.Flag("json", "", "print JSON", &json);
  arguments.Flag("html", "FILE", "write a page too: all of them on one time axis", &html);
  arguments.Flag("svg", "FILE", "write a figure too", &svg);
  ReadArguments(arguments, words);
  if (files.empty()) throw std::invalid_argument("FILE is missing: which plan?");
  std::vector<NamedFile> read;
  for (const std::string& file : files) read.push_back({"`" + file + "`", file});
  CheckOutputs(read, {{"`--html`", html}, {"`--svg`", svg}});
  options.compile = ToCompileOptions(input);
  options.predict = input.predict;
  if (memory) SetLimit(*memory, options);
  if (html || svg) options.keep = CompareOptions::Keep::kTraces;
  const ScheduleComparison comparison = CompareSchedules(files, options);
  if (!comparison.messages.empty()) {
    std::cerr << comparison.messages;
    return 1;
  }
  std::cout << (json == Switch::kOn ? ToJson(comparison) : ToText(comparison));

  std::vector<NamedTrace> drawn;
  for (const ComparedSchedule& schedule : comparison.schedules) {
    if (!schedule.plan) continue;
    drawn.push_back(
        {.name = schedule.name, .plan = &*schedule.plan, .predicted = &*schedule.trace});
  }
  if (html) {
    std::ostringstream page;
    WriteHtmlTimeline(page, drawn, {});
    WriteTextFile(*html, page.str());
  }
  if (svg) {
    std::ostringstream figure;
    WriteSvgTimeline(figure, drawn, {});
    WriteTextFile(*svg, figure.str());
  }
  return 0;
}

}  // namespace pprun
