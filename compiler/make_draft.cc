#include "compiler/make_draft.h"

#include <algorithm>
#include <utility>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/hash.h"
#include "compiler/schedule/forward_order.h"

namespace pprun {
namespace {

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
// The plan's tables, before there is any instruction.
Plan MakeTables(const DraftInputs& inputs) {
  Plan plan{.name = inputs.path,
            .schedule = inputs.program.schedule.name,
            .train = ToSpec(inputs.program),
            .stages = inputs.order.stages};
  for (const CheckedAxis& axis : inputs.program.mesh) {
    plan.mesh.push_back({.name = axis.name, .size = static_cast<int32_t>(axis.size)});
  }
  plan.parameters = inputs.model.parameters;
  plan.functions = inputs.model.functions;
  for (const CompiledInstance& instance : inputs.model.instances) {
    plan.layers.push_back({.name = instance.name, .key = HashText(instance.name)});
  }
  for (uint32_t i = 0; i < inputs.files.Count(); ++i) {
    plan.files.push_back({.path = inputs.files.Path(i), .text = std::string(inputs.files.Text(i))});
  }
  plan.positions.resize(inputs.order.positions.size());
  return plan;
}

std::vector<PlacedTask> WithTimes(const std::vector<OrderedTask>& tasks,
                                  const std::vector<TaskTime>& times) {
  std::vector<PlacedTask> placed;
  placed.reserve(tasks.size());
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

}  // namespace

int64_t MicrobatchSamples(const CheckedProgram& program) {
  int64_t replicas = 1;
  for (const CheckedAxis& axis : program.mesh) {
    if (axis.name != "pp") replicas *= axis.size;
  }
  return program.train->batch / (program.train->microbatches * replicas);
}

Draft MakeDraft(const DraftInputs& inputs, Diagnostics& diagnostics) {
  const CheckedProgram& program = inputs.program;
  Draft draft{.plan = MakeTables(inputs),
              .program = &program,
              .model = &inputs.model,
              .microbatches = inputs.order.microbatches,
              .files = &inputs.files,
              .instances_of = inputs.stages,
              .samples = MicrobatchSamples(program)};
  const TaskOrder forward = ForwardOrder(inputs.order, program.schedule.location);
  const std::optional<TaskTimes> forward_times = PredictTimes(forward, inputs.costs, diagnostics);
  CHECK(forward_times.has_value());
  PlaceChunks(inputs.order, inputs.times, forward, *forward_times, draft);
  PlaceLayers(inputs.model, draft);
  LocateData(draft);
  CheckTiedUses(program, inputs.model, draft, diagnostics);
  return draft;
}

}  // namespace pprun
