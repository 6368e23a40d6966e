#include "compiler/commands.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "compiler/command_input.h"
#include "compiler/data_files.h"
#include "compiler/make_draft.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/amount.h"
#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/report/explain.h"
#include "compiler/report/explain_figures.h"
#include "compiler/report/summary.h"
#include "compiler/report/timeline.h"
#include "compiler/schedule/csv.h"

namespace pprun {
namespace {

int Check(const std::vector<const char*>& words) {
  CommandInput input;
  Arguments arguments("ppc check", "is it right, how large is it, how long does it idle?");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  ReadArguments(arguments, words);
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  if (plan->IsStudy()) {
    std::cout << plan->schedule << ": "
              << Amount(static_cast<int64_t>(plan->positions.size()), "rank") << ", "
              << Amount(plan->train.microbatches, "microbatch")
              << ", complete and free of deadlock\n";
    return 0;
  }
  std::cerr << DataWarnings(*plan);
  std::cout << Summary(*plan, Summarise(*plan, Predict(*plan, input.predict)));
  return 0;
}

int SimulateCommand(const std::vector<const char*>& words) {
  CommandInput input;
  Switch json = Switch::kOff;
  Arguments arguments("ppc simulate", "predicts steps in figures: makespan, bubble, peaks by rank");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  DeclareSteps(arguments, input);
  arguments.Flag("json", "", "print JSON", &json);
  ReadArguments(arguments, words);
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  const Trace trace = Predict(*plan, input.predict);
  const Figures figures = Summarise(*plan, trace, kAllRepeats);
  std::cout << (json == Switch::kOn ? FiguresJson(figures) + "\n"
                                    : FiguresText(*plan, figures, UnitOf(trace)));
  return 0;
}

int ExplainCommand(const std::vector<const char*>& words) {
  CommandInput input;
  Switch json = Switch::kOff;
  Arguments arguments(
      "ppc explain",
      "accounts for a plan beside the textbook: bubble, memory, traffic, arithmetic");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  DeclareSteps(arguments, input);
  arguments.Flag("json", "", "print JSON", &json);
  ReadArguments(arguments, words);
  const std::optional<Plan> plan = PlanOf(input);
  if (!plan) return 1;
  const Explanation explanation = Explain(*plan, {.model = ModelOf(input.predict),
                                                  .machine = {},
                                                  .steps = StepsOf(input.predict),
                                                  .barrier = BarrierOf(input.predict)});
  std::cout << (json == Switch::kOn ? ToJson(explanation) + "\n" : ToText(explanation));
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

int Emit(const std::string& value, const CommandInput& input) {
  static constexpr std::string_view kValues[] = {"ast", "checked", "layers",  "tasks",
                                                 "csv", "plan",    "timeline"};
  const bool after = value.starts_with("after:");
  if (!after && std::find(std::begin(kValues), std::end(kValues), value) == std::end(kValues)) {
    throw std::invalid_argument(
        "`--emit=" + value +
        "` is none of ast, checked, layers, tasks, csv, after:<pass>, plan, timeline");
  }
  if (input.file.ends_with(".plan")) {
    if (value != "plan" && value != "timeline") {
      throw std::invalid_argument("a compiled plan has no `" + value + "`");
    }
    const std::optional<Plan> plan = PlanOf(input);
    if (!plan) return 1;
    std::cout << (value == "plan" ? ToText(*plan)
                                  : TextTimeline(*plan, Predict(*plan, input.predict), {}));
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
  const Compilation result = CompileAndReport(input, options);
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

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = {
      {"check", "is it right, how large is it, how long does it idle?", Check},
      {"timeline", "predict a step and draw it", TimelineCommand},
      {"simulate", "predict steps in figures", SimulateCommand},
      {"explain", "account for a plan beside the textbook", ExplainCommand},
      {"compare", "predict a plan under several schedules", CompareCommand},
      {"show", "print a built-in schedule", Show},
  };
  return commands;
}

int RunWithoutCommand(const std::vector<const char*>& words) {
  CommandInput input;
  std::optional<std::string> emit, output;
  Arguments arguments("ppc", "compiles a file, or prints a value on the way");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("emit", "VALUE",
                 "print ast, checked, layers, tasks, csv, after:<pass>, plan or timeline", &emit);
  arguments.Flag("o", "PLAN", "compile and write the plan, NAME.plan", &output);
  std::vector<const char*> line = {"ppc"};
  line.insert(line.end(), words.begin(), words.end());
  ReadArguments(arguments, line);
  CheckOutputs({{"the plan", input.file}}, {{"`-o`", output}});
  if (emit && output) throw std::invalid_argument("give one of `--emit` and `-o`");
  // By its name a plan is known from a source.
  if (output && !output->ends_with(".plan")) {
    throw std::invalid_argument("`-o " + *output + "`: a plan's name ends in `.plan`");
  }
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
