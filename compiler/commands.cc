#include "compiler/commands.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <sstream>
#include <utility>

#include "compiler/compare_schedules.h"
#include "compiler/compile.h"
#include "compiler/make_draft.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/output_file.h"
#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/predict.h"
#include "compiler/report/explain.h"
#include "compiler/report/explain_figures.h"
#include "compiler/report/summary.h"
#include "compiler/report/svg_timeline.h"
#include "compiler/report/timeline.h"
#include "compiler/schedule/csv.h"

namespace pprun {
namespace {

// What most commands are given.
struct Input {
  std::string file;
  std::vector<std::string> settings;
  PredictOptions predict;
};

void DeclareFile(Arguments& arguments, Input& input) {
  arguments.Positional("FILE", "a .sched, a .csv or a compiled .plan", &input.file);
  arguments.Flag("set", "NAME=VALUE",
                 "override a mesh axis, a setting or the schedule; may be repeated",
                 &input.settings);
}

void DeclareCosts(Arguments& arguments, Input& input) {
  arguments.Flag(
      "cost", "F=1,B=2,...",
      "costs of a stage's tasks F, B or I and W (1:1:1.5 by stage), of a pair FB, a transfer C, a "
      "collective A",
      &input.predict.costs);
  arguments.Flag("machine", "NAME",
                 "a built-in machine (h100, h200, a100, tpu_v5p) or a .machine file",
                 &input.predict.machine);
  arguments.Flag("profile", "FILE", "costs as they were measured", &input.predict.profile);
}

CompileOptions ToCompileOptions(const Input& input) {
  CompileOptions options;
  ApplySettings(input.settings, options);
  options.costs = TaskCostsOf(ModelOf(input.predict));
  return options;
}

// Compiles and prints what is wrong.
Compilation CompileAndReport(const std::string& path, const CompileOptions& options) {
  Compilation result = Compile(path, options);
  std::cerr << result.Messages();
  return result;
}

// A plan that was compiled before; nothing, after messages, if it is not proven.
std::optional<Plan> ReadAndProve(const Input& input) {
  if (!input.settings.empty()) {
    throw std::invalid_argument("`--set` needs the source: a `.plan` is already compiled");
  }
  Plan plan = ReadPlanFile(input.file);
  const std::vector<Finding> findings = Verify(plan);
  for (const Finding& finding : findings) std::cerr << Render(plan, finding);
  if (!findings.empty()) return std::nullopt;
  return plan;
}

// The proven plan of a file that is right; nothing, after messages, of one that is not.
std::optional<Plan> PlanOf(const Input& input) {
  if (input.file.ends_with(".plan")) return ReadAndProve(input);
  Compilation result = CompileAndReport(input.file, ToCompileOptions(input));
  if (!result.Ok()) return std::nullopt;
  if (!result.plan) {
    throw std::runtime_error("`" + result.checked->schedule.name +
                             "` has no backward, so there is no plan of it");
  }
  return std::move(result.plan);
}

int Check(const std::vector<const char*>& words) {
  Input input;
  Arguments arguments("ppc check", "is it right, how large is it, how long does it idle?");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  ReadArguments(arguments, words);
  if (!input.file.ends_with(".plan")) {
    const Compilation result = CompileAndReport(input.file, ToCompileOptions(input));
    if (!result.Ok()) return 1;
    if (result.purpose != Compilation::Purpose::kTraining) {
      std::cout << result.checked->schedule.name << ": " << result.order->positions.size()
                << " ranks, " << result.order->microbatches
                << " microbatches, complete and free of deadlock\n";
      return 0;
    }
    std::cout << Summary(*result.plan,
                         Summarise(*result.plan, Predict(*result.plan, input.predict)));
    return 0;
  }
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  std::cout << Summary(*plan, Summarise(*plan, Predict(*plan, input.predict)));
  return 0;
}

int Timeline(const std::vector<const char*>& words) {
  Input input;
  std::optional<std::string> chrome, svg;
  int64_t width = 100;
  std::string colour = "never";
  Arguments arguments("ppc timeline", "predicts a step and draws it, a row a rank");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("chrome", "FILE", "write Chrome trace events too, for Perfetto", &chrome);
  arguments.Flag("svg", "FILE", "write a figure too", &svg);
  arguments.Flag("width", "COLUMNS", "of the text, 40 to 1000 (default 100)", &width);
  arguments.Flag("colour", "WHEN", "always or never (default)", &colour);
  ReadArguments(arguments, words);
  if (width < 40 || width > 1000) throw std::invalid_argument("`--width` is from 40 to 1000");
  if (colour != "always" && colour != "never") {
    throw std::invalid_argument("`--colour` is always or never");
  }
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  const Trace trace = Predict(*plan, input.predict);
  TimelineOptions options{.width = static_cast<int>(width)};
  if (colour == "always") options.colour = TimelineOptions::Colour::kAnsi;
  std::cout << TextTimeline(*plan, trace, options);
  const auto write = [](const std::string& path, const auto& draw) {
    OutputFile file(path);
    std::ostringstream text;
    draw(text);
    file.Write(text.str());
    file.Commit();
  };
  if (chrome) write(*chrome, [&](std::ostream& out) { WriteChromeTrace(out, *plan, trace); });
  if (svg) write(*svg, [&](std::ostream& out) { WriteSvgTimeline(out, *plan, trace, {}); });
  return 0;
}

int SimulateCommand(const std::vector<const char*>& words) {
  Input input;
  Switch json = Switch::kOff;
  Arguments arguments("ppc simulate", "predicts steps in figures: makespan, bubble, peaks by rank");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("steps", "N", "steps in a row (default 1)", &input.predict.steps);
  arguments.Flag("barrier", "WHEN", "between steps: on, off or as_planned (default)",
                 &input.predict.barrier);
  arguments.Flag("json", "", "print JSON", &json);
  ReadArguments(arguments, words);
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  const Figures figures = Summarise(*plan, Predict(*plan, input.predict), kAllRepeats);
  std::cout << (json == Switch::kOn ? FiguresJson(figures) + "\n" : FiguresText(figures));
  return 0;
}

int ExplainCommand(const std::vector<const char*>& words) {
  Input input;
  Switch json = Switch::kOff;
  Arguments arguments(
      "ppc explain",
      "accounts for a plan beside the textbook: bubble, memory, traffic, arithmetic");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("json", "", "print JSON", &json);
  ReadArguments(arguments, words);
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  const Explanation explanation = Explain(*plan, {.model = ModelOf(input.predict)});
  std::cout << (json == Switch::kOn ? ToJson(explanation) + "\n" : ToText(explanation));
  return 0;
}

int Compare(const std::vector<const char*>& words) {
  Input input;
  CompareOptions options;
  Arguments arguments("ppc compare", "predicts the plan under several schedules, best first");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("schedules", "A,B,...", "which (default: all built-in ones)", &options.schedules);
  arguments.Flag("memory", "GIB", "leave out what needs more a rank", &options.memory_gib);
  ReadArguments(arguments, words);
  options.compile = ToCompileOptions(input);
  options.predict = input.predict;
  std::cout << CompareSchedules(input.file, options);
  return 0;
}

int Show(const std::vector<const char*>& words) {
  std::optional<std::string> name;
  Arguments arguments("ppc show", "prints a built-in schedule, or their names");
  arguments.Positional("NAME", "of a built-in schedule; without it, all names", &name);
  ReadArguments(arguments, words);
  std::vector<std::string> names;
  for (const auto& [known, text] : BuiltInSchedules()) {
    if (name && known == *name) {
      std::cout << text;
      return 0;
    }
    names.push_back(known);
  }
  if (name) {
    const auto meant = NearestWord(*name, names);
    throw std::runtime_error(
        "there is no built-in schedule `" + *name + "`" +
        (meant ? "; did you mean `" + *meant + "`?" : "; `ppc show` lists them"));
  }
  for (const std::string& known : names) std::cout << known << "\n";
  return 0;
}

std::string CheckedPass(const std::string& pass) {
  std::vector<std::string> names;
  for (const Pass& known : AllPasses()) names.emplace_back(known.name);
  if (std::find(names.begin(), names.end(), pass) != names.end()) return pass;
  const auto meant = NearestWord(pass, names);
  throw std::invalid_argument("there is no pass `" + pass + "`" +
                              (meant ? "; did you mean `" + *meant + "`?" : ""));
}

// The text of a value, as far as the file is right up to there.
std::optional<std::string> ValueText(const std::string& value, const Compilation& result) {
  if (value == "ast" && result.program) return ToText(*result.program);
  if (value == "checked" && result.checked) return ToText(*result.checked);
  if (value == "layers" && result.model && result.purpose == Compilation::Purpose::kTraining) {
    return LayersText(*result.checked, MicrobatchSamples(*result.checked));
  }
  if (value == "tasks" && result.order) return ToText(*result.order);
  if (value == "csv" && result.order) return ToCsv(*result.order);
  if (value == "plan" && result.plan) return ToText(*result.plan);
  return std::nullopt;
}

int Emit(const std::string& value, const Input& input) {
  static constexpr std::string_view kValues[] = {"ast", "checked", "layers",  "tasks",
                                                 "csv", "plan",    "timeline"};
  const bool after = value.starts_with("after:");
  if (!after && std::find(std::begin(kValues), std::end(kValues), value) == std::end(kValues)) {
    throw std::invalid_argument(
        "`--emit=" + value +
        "` is none of ast, checked, layers, tasks, csv, after:<pass>, plan, timeline");
  }
  if (input.file.ends_with(".plan")) {
    if (value != "plan") throw std::invalid_argument("a compiled plan has no `" + value + "`");
    std::cout << ToText(ReadPlanFile(input.file));
    return 0;
  }
  CompileOptions options = ToCompileOptions(input);
  std::optional<std::string> text;
  if (after) {
    options.after_pass = [&text, pass = CheckedPass(value.substr(6))](std::string_view name,
                                                                      const Draft& draft) {
      if (name == pass) text = ToText(draft);
    };
  }
  const Compilation result = CompileAndReport(input.file, options);
  if (!after) text = ValueText(value, result);
  if (value == "timeline" && result.Ok() && result.plan) {
    text = TextTimeline(*result.plan, Predict(*result.plan, input.predict), {});
  }
  if (text) std::cout << *text;
  // What is right but has no such value: the syntax tree of a CSV.
  if (!text && result.Ok()) throw std::runtime_error("`" + input.file + "` has no `" + value + "`");
  return text ? 0 : 1;
}

}  // namespace

void ReadArguments(const Arguments& arguments, const std::vector<const char*>& words) {
  const ArgumentsResult parsed = arguments.Parse(static_cast<int>(words.size()), words.data());
  if (parsed.kind == ArgumentsResult::Kind::kHelp) throw HelpWanted{parsed.text};
  if (parsed.kind == ArgumentsResult::Kind::kWrong) throw std::invalid_argument(parsed.text);
}

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = {
      {"check", "is it right, how large is it, how long does it idle?", Check},
      {"timeline", "predict a step and draw it", Timeline},
      {"simulate", "predict steps in figures", SimulateCommand},
      {"explain", "account for a plan beside the textbook", ExplainCommand},
      {"compare", "predict a plan under several schedules", Compare},
      {"show", "print a built-in schedule", Show},
  };
  return commands;
}

int RunWithoutCommand(const std::vector<const char*>& words) {
  Input input;
  std::optional<std::string> emit, output;
  Arguments arguments("ppc", "compiles a file, or prints a value on the way");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("emit", "VALUE",
                 "print ast, checked, layers, tasks, csv, after:<pass>, plan or timeline", &emit);
  arguments.Flag("o", "PLAN", "compile and write the plan", &output);
  std::vector<const char*> line = {"ppc"};
  line.insert(line.end(), words.begin(), words.end());
  ReadArguments(arguments, line);
  if (emit && output) throw std::invalid_argument("give one of `--emit` and `-o`");
  if (emit) return Emit(*emit, input);
  if (!output) {
    throw std::invalid_argument("say what to do with `" + input.file +
                                "`: a command before it, or `-o PLAN` after it");
  }
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  WritePlanFile(*output, *plan);
  return 0;
}

}  // namespace pprun
