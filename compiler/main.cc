// ppc: checks, compiles, explains and draws `.sched` files, and schedules that are `.csv` files.
//
//   ppc check FILE            is it right? (exit 1 and messages if not)
//   ppc FILE -o PLAN          write the plan
//   ppc timeline FILE         predict it and draw it
//   ppc show NAME             print a built-in schedule
//   ppc --emit=VALUE FILE     print a value between: ast, checked, layers, tasks, csv,
//   after:<pass>, plan, timeline
#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/arguments.h"
#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/report/summary.h"
#include "compiler/report/timeline.h"
#include "compiler/schedule/csv.h"
#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

struct Options {
  std::string first;  // a command, or the file of --emit
  std::optional<std::string> second;
  std::optional<std::string> emit;
  std::optional<std::string> output;
  std::optional<std::string> costs;
  std::optional<std::string> chrome;
  std::vector<std::string> settings;
  int64_t width = 100;
  std::string colour = "auto";
};

// A wrong command line, as opposed to a wrong file.
struct UsageError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

CompileOptions ToCompileOptions(const Options& options) {
  CompileOptions compile;
  compile.overrides = ParseOverrides(options.settings);
  return compile;
}

// Compiles and prints what is wrong; false if anything is.
bool CompileAndReport(const std::string& path, const CompileOptions& options, Compilation& result) {
  result = Compile(path, options);
  std::cerr << result.Messages();
  return result.Ok();
}

Trace Predict(const Plan& plan, const Options& options) {
  const CostTable costs = options.costs ? ParseCosts(*options.costs) : CostTable{};
  return Simulate(plan, ProgramKind::kStep, costs);
}

// The proven plan of a file that is right; nothing, after messages, of one that is not.
std::optional<Plan> CompilePlan(const std::string& path, const Options& options) {
  Compilation result;
  if (!CompileAndReport(path, ToCompileOptions(options), result)) return std::nullopt;
  if (!result.plan) {
    throw std::runtime_error("`" + result.checked->schedule.name +
                             "` has no backward, so there is no plan of it");
  }
  return std::move(result.plan);
}

int Check(const std::string& path, const Options& options) {
  Compilation result;
  if (!CompileAndReport(path, ToCompileOptions(options), result)) return 1;
  if (result.purpose == Compilation::Purpose::kTraining) {
    std::cout << Summary(*result.plan, Summarise(*result.plan, Predict(*result.plan, options)));
  } else {
    std::cout << result.checked->schedule.name << ": " << result.order->positions.size()
              << " ranks, " << result.order->microbatches
              << " microbatches, complete and free of deadlock\n";
  }
  return 0;
}

int Write(const std::string& path, const Options& options) {
  const std::optional<Plan> plan = CompilePlan(path, options);
  if (!plan) return 1;
  WritePlanFile(*options.output, *plan);
  return 0;
}

int Draw(const std::string& path, const Options& options) {
  const std::optional<Plan> plan = CompilePlan(path, options);
  if (!plan) return 1;
  const Trace trace = Predict(*plan, options);
  TimelineOptions timeline{.width = static_cast<int>(options.width)};
  if (options.colour == "always") timeline.colour = TimelineOptions::Colour::kAnsi;
  std::cout << TextTimeline(*plan, trace, timeline);
  if (options.chrome) {
    std::ofstream file(*options.chrome, std::ios::binary);
    WriteChromeTrace(file, *plan, trace);
    file.close();
    if (!file) throw std::runtime_error("cannot write `" + *options.chrome + "`");
  }
  return 0;
}

int Show(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [known, text] : BuiltInSchedules()) {
    if (known == name) {
      std::cout << text;
      return 0;
    }
    names.push_back(known);
  }
  std::string message = "there is no built-in schedule `" + name + "`";
  if (const auto meant = NearestWord(name, names)) message += "; did you mean `" + *meant + "`?";
  for (size_t i = 0; i < names.size(); ++i)
    message += (i == 0 ? "\n  there are: " : ", ") + names[i];
  throw std::runtime_error(message);
}

// What `--emit` asks for, as far as the file is right up to there.
int Emit(const std::string& value, const std::string& path, const Options& options) {
  CompileOptions compile = ToCompileOptions(options);
  std::string after;
  if (value.starts_with("after:")) {
    const std::string pass = value.substr(6);
    std::vector<std::string> names;
    for (const Pass& known : AllPasses()) names.emplace_back(known.name);
    if (std::find(names.begin(), names.end(), pass) == names.end()) {
      const auto meant = NearestWord(pass, names);
      throw UsageError("there is no pass `" + pass + "`" +
                       (meant ? "; did you mean `" + *meant + "`?" : ""));
    }
    compile.after_pass = [&after, pass](std::string_view name, const Draft& draft) {
      if (name == pass) after = ToText(draft);
    };
  }
  Compilation result;
  const bool proven = CompileAndReport(path, compile, result);
  const auto print = [&](const auto& there, const auto& text) {
    if (there) std::cout << text();
    // What is right but has no such value: the syntax tree of a CSV.
    if (!there && proven) throw std::runtime_error("`" + path + "` has no `" + value + "`");
    return there ? 0 : 1;
  };
  if (value == "ast") return print(result.program, [&] { return ToText(*result.program); });
  if (value == "checked") return print(result.checked, [&] { return ToText(*result.checked); });
  if (value == "layers") {
    const bool trains = result.model && result.purpose == Compilation::Purpose::kTraining;
    if (trains) std::cout << LayersText(*result.checked, MicrobatchSamples(*result.checked));
    return trains ? 0 : 1;
  }
  if (value == "tasks") return print(result.order, [&] { return ToText(*result.order); });
  if (value == "csv") return print(result.order, [&] { return ToCsv(*result.order); });
  if (value == "plan") return print(result.plan, [&] { return ToText(*result.plan); });
  if (value == "timeline") {
    if (!proven || !result.plan) return 1;
    std::cout << TextTimeline(*result.plan, Predict(*result.plan, options),
                              {.width = static_cast<int>(options.width)});
    return 0;
  }
  if (value.starts_with("after:")) {
    std::cout << after;
    return result.plan ? 0 : 1;
  }
  throw UsageError("`--emit=" + value +
                   "` is none of ast, checked, layers, tasks, csv, after:<pass>, plan, timeline");
}

int Dispatch(const Options& options) {
  if (options.emit) return Emit(*options.emit, options.first, options);
  if (!options.second && options.output) return Write(options.first, options);
  if (!options.second) {
    throw UsageError("`ppc " + options.first +
                     "` is not complete: give a command and a file, as in `ppc check plan.sched`");
  }
  if (options.first == "check") return Check(*options.second, options);
  if (options.first == "timeline") return Draw(*options.second, options);
  if (options.first == "show") return Show(*options.second);
  const auto meant = NearestWord(options.first, {"check", "timeline", "show"});
  throw UsageError("there is no command `" + options.first + "`" +
                   (meant ? "; did you mean `" + *meant + "`?" : ""));
}

int Main(int argc, char** argv) {
  Options options;
  Arguments arguments("ppc", "checks, compiles and draws pipeline-parallel training plans");
  arguments.Positional("COMMAND", "check, timeline or show; or, with -o or --emit, the file",
                       &options.first);
  arguments.Positional("FILE", "a .sched or .csv file; for show, the name of a built-in schedule",
                       &options.second);
  arguments.Flag("o", "PLAN", "compile FILE and write the plan", &options.output);
  arguments.Flag("set", "NAME=VALUE", "override a mesh axis or a setting; may be repeated",
                 &options.settings);
  arguments.Flag("emit", "VALUE",
                 "print ast, checked, layers, tasks, csv, after:<pass>, plan or timeline",
                 &options.emit);
  arguments.Flag("cost", "F=1,B=2,...",
                 "costs of a stage's tasks F, I, W (B = I + W) and of a transfer C",
                 &options.costs);
  arguments.Flag("chrome", "FILE", "write the timeline as Chrome trace events too",
                 &options.chrome);
  arguments.Flag("width", "COLUMNS", "of a timeline (default 100)", &options.width);
  arguments.Flag("colour", "WHEN", "always or never (default)", &options.colour);
  const ArgumentsResult parsed = arguments.Parse(argc, argv);
  if (parsed.kind == ArgumentsResult::Kind::kHelp) {
    std::cout << parsed.text;
    return 0;
  }
  try {
    if (parsed.kind == ArgumentsResult::Kind::kWrong) throw UsageError(parsed.text);
    return Dispatch(options);
  } catch (const std::invalid_argument& error) {
    std::cerr << "ppc: error: " << error.what() << "\n  `ppc --help` lists commands and flags\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "ppc: error: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace
}  // namespace pprun

int main(int argc, char** argv) { return pprun::Main(argc, argv); }
