#include "compiler/command_input.h"

#include <iostream>
#include <stdexcept>
#include <utility>

#include "compiler/commands.h"
#include "compiler/plan/base/file_uses.h"
#include "compiler/plan/base/output_file.h"
#include "compiler/plan/file.h"

namespace pprun {
namespace {

// A plan that was compiled before; nothing, after messages, if it is not proven.
std::optional<Plan> ReadAndProve(const CommandInput& input) {
  if (!input.settings.empty()) {
    throw std::invalid_argument("`--set` needs the source: a `.plan` is already compiled");
  }
  Plan plan = ReadPlanFile(input.file);
  const std::vector<Finding> findings = Verify(plan);
  for (const Finding& finding : findings) std::cerr << Render(plan, finding);
  if (!findings.empty()) return std::nullopt;
  CheckCostsFit(plan, input.predict);
  std::cerr << NotesOnCosts(plan, input.predict);
  return plan;
}

}  // namespace

void DeclareFile(Arguments& arguments, CommandInput& input) {
  arguments.Positional("FILE", "a .sched, a .csv or a compiled .plan", &input.file);
  DeclareSettings(arguments, input);
}

void DeclareSettings(Arguments& arguments, CommandInput& input) {
  arguments.Flag("set", "NAME=VALUE",
                 "override a mesh axis, a setting or the schedule; may be repeated",
                 &input.settings);
}

void DeclareCosts(Arguments& arguments, CommandInput& input, CostsOf costs) {
  const std::string of = costs == CostsOf::kStage
                             ? "costs of a stage's tasks F, B or I and W (1:1:1.5 by stage)"
                             : "costs of the tasks F, B or I and W of all that a rank holds "
                               "(1:1:1.5 by rank), shared by "
                               "its chunks";
  arguments.Flag("cost", "F=1,B=2,...",
                 of + ", of a pair FB, a transfer C, a collective A; without: F = I = W = 1, FB = "
                      "F + B, C = A = 0",
                 &input.predict.costs);
  arguments.Flag("machine", "NAME",
                 "a built-in machine (h100, h200, a100, tpu_v5p) or a .machine file",
                 &input.predict.machine);
  arguments.Flag("profile", "FILE", "costs as `pprun --profile` measured them",
                 &input.predict.profile);
}

void DeclareSteps(Arguments& arguments, CommandInput& input) {
  arguments.Flag("steps", "N", "steps in a row (default 1)", &input.predict.steps);
  arguments.Flag("barrier", "WHEN", "between steps: on, off or as_planned (default)",
                 &input.predict.barrier);
}

CompileOptions ToCompileOptions(const CommandInput& input) {
  CompileOptions options;
  ApplySettings(input.settings, options);
  const CostModel model = ModelOf(input.predict);
  options.costs = TaskCostsOf(model);
  if (!std::holds_alternative<CostTable>(model)) {
    options.costs_of_plan = [model, predict = input.predict](const Plan& plan) {
      CheckCostsFit(plan, predict);
      return TaskCostsOf(plan, model);
    };
  }
  return options;
}

Compilation CompileAndReport(const CommandInput& input, const CompileOptions& options) {
  Compilation result = Compile(input.file, options);
  std::cerr << result.Messages();
  if (!result.Ok()) return result;
  CheckCostsFit(*result.plan, input.predict);
  std::cerr << NotesOnCosts(*result.plan, input.predict);
  return result;
}

std::optional<Plan> PlanAsItRuns(const CommandInput& input) {
  return PlanOf({.file = input.file, .settings = input.settings, .predict = {}});
}

std::optional<Plan> PlanOf(const CommandInput& input) {
  if (input.file.ends_with(".plan")) return ReadAndProve(input);
  Compilation result = CompileAndReport(input, ToCompileOptions(input));
  if (!result.Ok()) return std::nullopt;
  return std::move(result.plan);
}

void ReadArguments(const Arguments& arguments, const std::vector<const char*>& words) {
  const ArgumentsResult parsed = arguments.Parse(static_cast<int>(words.size()), words.data());
  if (parsed.kind == ArgumentsResult::Kind::kHelp) throw HelpWanted{parsed.text};
  if (parsed.kind == ArgumentsResult::Kind::kWrong) throw std::invalid_argument(parsed.text);
}

void CheckOutputs(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs) {
  std::vector<FileUse> uses;
  for (const NamedFile& file : inputs) {
    if (file.path) uses.push_back({FileUse::Kind::kRead, file.name, *file.path});
  }
  for (const NamedFile& file : outputs) {
    if (file.path) uses.push_back({FileUse::Kind::kWritten, file.name, *file.path});
  }
  CheckFileUses(uses);
}

void WriteTextFile(const std::string& path, const std::string& text) {
  OutputFile file(path);
  file.Write(text);
  file.Commit();
}

}  // namespace pprun
