#include "compiler/compile.h"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "compiler/check_size.h"
#include "compiler/make_draft.h"
#include "compiler/model/hf_names.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/input_file.h"
#include "compiler/plan/file.h"
#include "compiler/schedule/csv.h"
#include "compiler/schedule/predict_times.h"
#include "compiler/schedule/stage_costs.h"
#include "compiler/study.h"

namespace pprun {
namespace {

// What a microbatch's forward saves on each stage for its backward: the frames of its layers.
// Empty, after an error, where the model cannot be cut into so many.
std::vector<int64_t> ActivationBytes(const CheckedProgram& program, int32_t stages,
                                     Diagnostics& diagnostics) {
  const CompiledModel model = CompileModel(program, MicrobatchSamples(program));
  const auto split = SplitStages(program, model, stages, diagnostics);
  std::vector<int64_t> bytes;
  if (!split) return bytes;
  for (const std::vector<int32_t>& instances : *split) {
    int64_t& sum = bytes.emplace_back();
    for (const int32_t instance : instances) {
      const CompiledLayer& layer =
          model.layers[static_cast<size_t>(model.instances[static_cast<size_t>(instance)].layer)];
      sum += layer.frame_input_bytes + layer.frame_weight_bytes;
    }
  }
  return bytes;
}

// What a `.sched` file says, checked, and the order that its schedule runs in.
void ReadProgram(uint32_t file, const CompileOptions& options, Compilation& result) {
  result.program = Parse(result.files, file, options.limits, result.diagnostics, options.schedule);
  if (result.diagnostics.HasErrors()) return;
  result.checked = Check(*result.program, options.overrides, options.limits, result.diagnostics);
  if (!result.checked) return;
  if (!result.checked->train) result.purpose = Compilation::Purpose::kStudy;
  TaskCosts costs = options.costs;
  if (result.checked->train && result.checked->model) {
    costs.activation_bytes = [&](int32_t stages) {
      return ActivationBytes(*result.checked, stages, result.diagnostics);
    };
  }
  result.order = EvaluateSchedule(*result.checked, result.checked->microbatches, costs,
                                  options.limits, result.diagnostics);
}

// A `.csv` file is an order already: a study on as many ranks as it has rows.
void ReadOrder(uint32_t file, const CompileOptions& options, Compilation& result) {
  result.purpose = Compilation::Purpose::kStudy;
  if (!options.overrides.empty() || !options.schedule.empty()) {
    result.diagnostics
        .Error(kCommandLine, "`--set` has nothing to set in a schedule that is a CSV file")
        .Note(kCommandLine, "its rows are the ranks, and its cells name every microbatch");
    return;
  }
  result.order = ParseCsv(result.files.Text(file), file, options.limits, result.diagnostics);
  if (!result.order) return;
  const ast::Location location{.file = file};
  CheckedProgram study;
  study.mesh = {{.name = "pp",
                 .size = static_cast<int64_t>(result.order->positions.size()),
                 .location = location},
                {.name = "dp", .size = 1, .location = location}};
  study.schedule.name = std::filesystem::path(result.files.Path(file)).stem().string();
  study.schedule.location = location;
  study.microbatches = result.order->microbatches;
  result.checked = std::move(study);
}

// From a checked program with a model to a plan; stops at the first stage that finds something
// wrong.
void Lower(const std::string& path, const CheckedProgram& program, const CompileOptions& options,
           const TaskCosts& costs, const TaskTimes& times, Compilation& result) {
  result.model = CompileModel(program, MicrobatchSamples(program));
  CheckNames(program, *result.model, result.diagnostics);
  const std::optional<std::vector<std::vector<int32_t>>> stages =
      SplitStages(program, *result.model, result.order->stages, result.diagnostics);
  if (!stages) return;
  CheckParameterSize(program, *result.model, *result.order, *stages, result.diagnostics);
  if (result.diagnostics.HasErrors()) return;
  Draft draft = MakeDraft({.path = path,
                           .files = result.files,
                           .program = program,
                           .model = *result.model,
                           .order = *result.order,
                           .times = times,
                           .stages = *stages,
                           .costs = costs},
                          result.diagnostics);
  if (result.diagnostics.HasErrors()) return;
  RunPasses(draft, options.after_pass);
  CheckArenaSize(program, draft.plan, result.diagnostics);
  CheckStreams(program, draft.plan, result.diagnostics);
  if (result.diagnostics.HasErrors()) return;
  result.findings = Verify(draft.plan, options.verify);
  result.plan = std::move(draft.plan);
}

// The name of a built-in schedule may be taken for a file's.
std::string ReadSource(const std::string& path) {
  for (const auto& [name, text] : BuiltInSchedules()) {
    if (path != name || std::filesystem::exists(path)) continue;
    throw std::runtime_error("there is no file `" + path +
                             "`; for the built-in schedule write `ppc show " + name + " > " + name +
                             ".sched`, and give that file `--set pp=4 --set microbatches=8`");
  }
  return ReadFile(path);
}

bool UsesGreedy(const CheckedProgram& program) {
  const int32_t definition = program.schedule.definition;
  return definition >= 0 &&
         !program.program.schedules[static_cast<size_t>(definition)].greedy.empty();
}

}  // namespace

void ApplySettings(const std::vector<std::string>& settings, CompileOptions& options) {
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw std::invalid_argument("`--set " + setting + "` is not of the form NAME=VALUE");
    }
    const std::string name = setting.substr(0, equals), value = setting.substr(equals + 1);
    if (name == "schedule") {
      if (value.find_first_not_of(' ') == std::string::npos) {
        throw std::invalid_argument("`--set " + setting +
                                    "` names no schedule; `ppc show` lists the built-in ones");
      }
      if (!options.schedule.empty()) {
        throw std::invalid_argument("`--set schedule` is given twice: `" + options.schedule +
                                    "` and `" + value + "`");
      }
      options.schedule = value;
    } else {
      options.overrides.push_back({name, value});
    }
  }
}

Compilation Compile(const std::string& path, const CompileOptions& options) {
  if (options.costs_of_plan) {
    CompileOptions again = options;
    again.costs_of_plan = {};
    Compilation first = Compile(path, again);
    if (!first.plan || !first.Ok() || !UsesGreedy(*first.checked)) return first;
    again.costs = options.costs_of_plan(*first.plan);
    return Compile(path, again);
  }
  Compilation result;
  std::string text = ReadSource(path);
  if (IsPlanFile(text)) {
    throw std::runtime_error("`" + path +
                             "` is a compiled plan, whatever its name; call it NAME.plan");
  }
  const uint32_t file = result.files.Add(path, std::move(text));
  if (path.ends_with(".csv")) {
    ReadOrder(file, options, result);
  } else {
    ReadProgram(file, options, result);
  }
  if (!result.order) return result;
  const TaskCosts costs = StageCosts(options.costs, *result.order);
  const std::optional<TaskTimes> times = PredictTimes(*result.order, costs, result.diagnostics);
  if (!times) return result;
  if (!result.order->HasBackward()) result.purpose = Compilation::Purpose::kInferenceStudy;
  if (result.purpose != Compilation::Purpose::kTraining) {
    Lower(path, WithStudyModel(*result.checked, *result.order), options, costs, *times, result);
  } else {
    Lower(path, *result.checked, options, costs, *times, result);
  }
  return result;
}

std::vector<int64_t> ActivationBytes(const Compilation& result) {
  Diagnostics ignored;
  return ActivationBytes(*result.checked, result.order->stages, ignored);
}

std::string Compilation::Messages() const {
  std::string text = files.Render(diagnostics);
  for (const Finding& finding : findings) text += Render(*plan, finding);
  return text;
}

}  // namespace pprun
