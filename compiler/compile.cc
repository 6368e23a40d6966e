#include "compiler/compile.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "compiler/passes/passes.h"
#include "compiler/plan/base/hash.h"
#include "compiler/schedule/csv.h"
#include "compiler/schedule/forward_order.h"
#include "compiler/schedule/predict_times.h"
#include "compiler/study.h"

namespace pprun {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read `" + path + "`");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

DataSpec ToSpec(const DataSource& source) {
  DataSpec spec{.path = source.path, .seed = static_cast<uint64_t>(source.seed)};
  switch (source.kind) {
    case DataSource::Kind::kBytes:
      spec.kind = DataSpec::Kind::kBytes;
      break;
    case DataSource::Kind::kTokensU16:
      spec.kind = DataSpec::Kind::kTokensU16;
      break;
    case DataSource::Kind::kTokensU32:
      spec.kind = DataSpec::Kind::kTokensU32;
      break;
    case DataSource::Kind::kSynthetic:
      spec.kind = DataSpec::Kind::kSynthetic;
      break;
  }
  return spec;
}

OptimizerSpec ToSpec(const CheckedOptimizer& optimizer) {
  OptimizerSpec spec{.learning_rate = optimizer.lr,
                     .momentum = optimizer.momentum,
                     .beta1 = optimizer.beta1,
                     .beta2 = optimizer.beta2,
                     .epsilon = optimizer.epsilon,
                     .weight_decay = optimizer.weight_decay,
                     .warmup = optimizer.warmup,
                     .final_learning_rate = optimizer.final_lr,
                     .clip = optimizer.clip};
  switch (optimizer.kind) {
    case CheckedOptimizer::Kind::kSgd:
      spec.kind = OptimizerSpec::Kind::kSgd;
      break;
    case CheckedOptimizer::Kind::kAdam:
      spec.kind = OptimizerSpec::Kind::kAdam;
      break;
    case CheckedOptimizer::Kind::kAdamW:
      spec.kind = OptimizerSpec::Kind::kAdamW;
      break;
  }
  const bool cosine = optimizer.decay == CheckedOptimizer::Decay::kCosine;
  spec.decay = cosine ? OptimizerSpec::Decay::kCosine : OptimizerSpec::Decay::kConstant;
  return spec;
}

TrainSpec ToSpec(const CheckedProgram& program) {
  const CheckedTrain& train = *program.train;
  TrainSpec spec{.data = ToSpec(train.data),
                 .vocabulary = program.model->vocabulary,
                 .sequence = train.sequence,
                 .batch = train.batch,
                 .microbatches = static_cast<int32_t>(train.microbatches),
                 .steps = train.steps,
                 .seed = train.seed,
                 .validate_every = train.validate_every,
                 .validate_batches = train.validate_batches,
                 .optimizer = ToSpec(train.optimizer)};
  if (train.validation) spec.validation = ToSpec(*train.validation);
  return spec;
}

// What a `.sched` file says, checked, and the order that its schedule runs in.
void ReadProgram(uint32_t file, const CompileOptions& options, Compilation& result) {
  result.program = Parse(result.files, file, options.limits, result.diagnostics);
  if (result.diagnostics.HasErrors()) return;
  result.checked = Check(*result.program, options.overrides, options.limits, result.diagnostics);
  if (!result.checked) return;
  if (!result.checked->train) result.purpose = Compilation::Purpose::kStudy;
  result.order = EvaluateSchedule(*result.checked, result.checked->microbatches, options.costs,
                                  options.limits, result.diagnostics);
}

// A `.csv` file is an order already: a study on as many ranks as it has rows.
void ReadOrder(uint32_t file, const CompileOptions& options, Compilation& result) {
  result.purpose = Compilation::Purpose::kStudy;
  if (!options.overrides.empty()) {
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

// The plan's tables, before there is any instruction.
Plan MakeTables(const std::string& path, const CheckedProgram& program, const CompiledModel& model,
                const TaskOrder& order, const SourceFiles& files) {
  Plan plan{.name = path,
            .schedule = program.schedule.name,
            .train = ToSpec(program),
            .stages = order.stages};
  for (const CheckedAxis& axis : program.mesh) {
    plan.mesh.push_back({.name = axis.name, .size = static_cast<int32_t>(axis.size)});
  }
  plan.parameters = model.parameters;
  plan.functions = model.functions;
  for (const CompiledInstance& instance : model.instances) {
    plan.layers.push_back({.name = instance.name, .key = HashText(instance.name)});
  }
  for (uint32_t i = 0; i < files.Count(); ++i) {
    plan.files.push_back({.path = files.Path(i), .text = std::string(files.Text(i))});
  }
  plan.positions.resize(order.positions.size());
  return plan;
}

std::vector<PlacedTask> WithTimes(const std::vector<OrderedTask>& tasks,
                                  const std::vector<TaskTime>& times) {
  std::vector<PlacedTask> placed;
  for (size_t i = 0; i < tasks.size(); ++i) {
    placed.push_back({.task = tasks[i], .start = times[i].start, .end = times[i].end});
  }
  return placed;
}

// A parameter's gradient is summed where it is used, so all its uses have to be in one place.
void CheckTiedUses(const CheckedProgram& program, const CompiledModel& model, const Draft& draft,
                   Diagnostics& diagnostics) {
  std::vector<StageId> first_use(model.parameters.size());
  for (size_t id = 0; id < model.instances.size(); ++id) {
    const CompiledInstance& instance = model.instances[id];
    const StageId stage = draft.plan.layers[id].stage;
    for (const ParameterUse& use : instance.parameters) {
      StageId& first = first_use[use.parameter.index()];
      if (!first.valid()) first = stage;
      if (draft.PositionOf(first, 0) == draft.PositionOf(stage, 0)) continue;
      const ast::Location place =
          program.model->layers[static_cast<size_t>(instance.layer)].location;
      diagnostics
          .Error(place,
                 "`" + model.parameters[use.parameter.index()].name +
                     "` is tied across stages, which is not supported: it is used in stage " +
                     std::to_string(first.value) + " and in stage " + std::to_string(stage.value))
          .Note(place, "keep both layers in one stage, or give this one weights of its own");
      return;
    }
  }
}

// Where every stage of every pipe is, and what every position runs when.
void PlaceChunks(const TaskOrder& order, const TaskTimes& times, const TaskOrder& forward,
                 const TaskTimes& forward_times, Draft& draft) {
  draft.positions.resize(order.positions.size());
  draft.position_of.resize(static_cast<size_t>(order.pipes * order.stages));
  for (int32_t i = 0; i < order.microbatches; ++i) draft.pipe_of.push_back(order.PipeOf(i));
  const bool validates = draft.plan.train.validation.kind != DataSpec::Kind::kNone;
  for (size_t p = 0; p < order.positions.size(); ++p) {
    DraftPosition& place = draft.positions[p];
    place.chunks = order.placement[p];
    for (const ChunkPlace& chunk : place.chunks) {
      draft.position_of[static_cast<size_t>(chunk.pipe * order.stages + chunk.stage)] =
          PositionId(static_cast<int64_t>(p));
    }
    place.tasks[static_cast<size_t>(ProgramKind::kStep)] = WithTimes(order.positions[p], times[p]);
    if (validates) {
      place.tasks[static_cast<size_t>(ProgramKind::kValidate)] =
          WithTimes(forward.positions[p], forward_times[p]);
    }
  }
}

// Which layers every position holds, and who holds every parameter.
void PlaceLayers(const CompiledModel& model, Draft& draft) {
  for (size_t stage = 0; stage < draft.instances_of.size(); ++stage) {
    for (int32_t id : draft.instances_of[stage]) {
      draft.plan.layers[static_cast<size_t>(id)].stage = StageId(static_cast<int64_t>(stage));
    }
  }
  for (Parameter& parameter : draft.plan.parameters) parameter.sum_over = draft.ReplicaAxes();
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    std::vector<int32_t>& here = draft.positions[p].instances;
    for (const ChunkPlace& chunk : draft.positions[p].chunks) {
      const std::vector<int32_t>& stage = draft.instances_of[static_cast<size_t>(chunk.stage)];
      here.insert(here.end(), stage.begin(), stage.end());
    }
    std::sort(here.begin(), here.end());
    for (int32_t id : here) {
      for (const ParameterUse& use : model.instances[static_cast<size_t>(id)].parameters) {
        std::vector<PositionId>& holders = draft.plan.parameters[use.parameter.index()].holders;
        if (holders.empty() || holders.back() != position) holders.push_back(position);
      }
    }
  }
}

// Everything the passes start from.
Draft MakeDraft(Plan plan, const CheckedProgram& program, const Compilation& result,
                const std::vector<std::vector<int32_t>>& stages, const TaskTimes& times,
                const TaskCosts& costs, Diagnostics& diagnostics) {
  Draft draft{.plan = std::move(plan),
              .program = &program,
              .model = &*result.model,
              .microbatches = result.order->microbatches,
              .files = &result.files,
              .instances_of = stages,
              .samples = MicrobatchSamples(program)};
  const TaskOrder forward = ForwardOrder(*result.order, program.schedule.location);
  const std::optional<TaskTimes> forward_times = PredictTimes(forward, costs, diagnostics);
  PlaceChunks(*result.order, times, forward, *forward_times, draft);
  PlaceLayers(*result.model, draft);
  CheckTiedUses(program, *result.model, draft, diagnostics);
  return draft;
}

// From a checked program with a model to a plan; stops at the first stage that finds something
// wrong.
void Lower(const std::string& path, const CheckedProgram& program, const CompileOptions& options,
           const TaskTimes& times, Compilation& result) {
  result.model = CompileModel(program, MicrobatchSamples(program));
  const std::optional<std::vector<std::vector<int32_t>>> stages =
      SplitStages(program, *result.model, result.order->stages, result.diagnostics);
  if (!stages) return;
  Plan tables = MakeTables(path, program, *result.model, *result.order, result.files);
  Draft draft = MakeDraft(std::move(tables), program, result, *stages, times, options.costs,
                          result.diagnostics);
  if (result.diagnostics.HasErrors()) return;
  RunPasses(draft, options.after_pass);
  result.findings = Verify(draft.plan, options.verify);
  result.plan = std::move(draft.plan);
}

}  // namespace

std::vector<Override> ParseOverrides(const std::vector<std::string>& settings) {
  std::vector<Override> overrides;
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw std::invalid_argument("`--set " + setting + "` is not of the form NAME=VALUE");
    }
    overrides.push_back({setting.substr(0, equals), setting.substr(equals + 1)});
  }
  return overrides;
}

int64_t MicrobatchSamples(const CheckedProgram& program) {
  int64_t replicas = 1;
  for (const CheckedAxis& axis : program.mesh) {
    if (axis.name != "pp") replicas *= axis.size;
  }
  return program.train->batch / (program.train->microbatches * replicas);
}

Compilation Compile(const std::string& path, const CompileOptions& options) {
  Compilation result;
  const uint32_t file = result.files.Add(path, ReadFile(path));
  if (path.ends_with(".csv")) {
    ReadOrder(file, options, result);
  } else {
    ReadProgram(file, options, result);
  }
  if (!result.order) return result;
  const std::optional<TaskTimes> times =
      PredictTimes(*result.order, options.costs, result.diagnostics);
  if (!times) return result;
  if (!result.order->HasBackward()) {
    result.purpose = Compilation::Purpose::kInferenceStudy;
    return result;
  }
  if (result.purpose == Compilation::Purpose::kStudy) {
    Lower(path, WithStudyModel(*result.checked, *result.order), options, *times, result);
  } else {
    Lower(path, *result.checked, options, *times, result);
  }
  return result;
}

std::string Compilation::Messages() const {
  std::string text = files.Render(diagnostics);
  for (const Finding& finding : findings) text += Render(*plan, finding);
  return text;
}

}  // namespace pprun
