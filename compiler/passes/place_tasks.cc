// Every task of the schedule becomes one run per layer of its stage, bound to buffers, on the
// position that holds the stage.
//
// After it: what a run saves is in frames, what two layers hand over is in a frame where a backward
// needs it and transient otherwise, what crosses a stage boundary is in a transfer slot and listed
// in Draft::boundaries; the step and validate programs hold everything that needs no other rank.
// Tests: place_tasks_test.cc.
#include <algorithm>
#include <array>
#include <map>

#include "compiler/passes/buffer_table.h"
#include "compiler/passes/layer_functions.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Builds the programs of one position.
class PositionPlacer {
 public:
  PositionPlacer(Draft& draft, PositionId position, SourceMemo& calls)
      : draft_(draft),
        model_(*draft.model),
        position_(position),
        place_(draft.positions[position.index()]),
        calls_(calls),
        microbatches_(static_cast<size_t>(draft.microbatches)),
        row_of_(model_.instances.size() + 1, -1),
        tokens_(microbatches_),
        targets_(microbatches_),
        losses_(microbatches_) {
    for (const int32_t instance : place_.instances) {
      for (const int32_t near : {instance - 1, instance}) {
        int32_t& row = row_of_[static_cast<size_t>(near + 1)];
        if (row < 0) row = static_cast<int32_t>(rows_++);
      }
    }
  }

  void PlaceProgram(ProgramKind program);
  void ListBoundaries(ProgramKind program, std::vector<Boundary>& boundaries);
  BufferId TargetOf(ProgramKind program, const Boundary& boundary);

 private:
  // What the runs of one program hand to each other.
  struct Values {
    Values(size_t rows, size_t microbatches)
        : activation(rows, microbatches),
          gradient(rows, microbatches),
          frame_input(rows, microbatches),
          frame_weight(rows, microbatches),
          stash(rows, microbatches) {}
    BufferTable activation;  // output of the instance
    BufferTable gradient;    // of its output
    BufferTable frame_input;
    BufferTable frame_weight;
    BufferTable stash;
  };

  // Whether this position runs the instance for the microbatches of a pipe.
  bool IsHere(int32_t instance, int32_t pipe) const {
    if (instance < 0 || instance >= static_cast<int32_t>(model_.instances.size())) return false;
    const StageId stage = draft_.plan.layers[static_cast<size_t>(instance)].stage;
    return draft_.PositionOf(stage, pipe) == position_;
  }
  const CompiledLayer& LayerOf(int32_t instance) const {
    return model_
        .layers[static_cast<size_t>(model_.instances[static_cast<size_t>(instance)].layer)];
  }
  // Of an instance that is here, or next to one that is, in the tables of values.
  size_t RowOf(int32_t instance) const {
    return static_cast<size_t>(row_of_[static_cast<size_t>(instance + 1)]);
  }
  // Whether a program only goes forward, and keeps nothing.
  bool Evaluates(ProgramKind program) const {
    return program == ProgramKind::kValidate || !draft_.Trains();
  }
  TensorType TokenType() const {
    return {.dtype = DType::kI32, .shape = {draft_.samples, draft_.plan.train.sequence}};
  }
  // `describe` gives the pool, and is called once a row.
  template <typename Describe>
  BufferId FromPool(BufferTable& table, int32_t instance, size_t microbatch,
                    const Describe& describe);
  Pool PoolBetween(Boundary::Kind kind, int32_t instance, int32_t pipe) const;
  BufferId Activation(Values& values, ProgramKind program, int32_t instance, size_t microbatch);
  BufferId Gradient(Values& values, int32_t instance, size_t microbatch);
  BufferId Workspace(StreamId stream);
  BufferId Bind(Values& values, ProgramKind program, const Argument& argument, int32_t instance,
                size_t microbatch, StreamId stream);
  void PlaceRun(Values& values, ProgramKind program, const OrderedTask& task, SourceId source,
                int32_t instance, StreamId stream);

  Draft& draft_;
  const CompiledModel& model_;
  PositionId position_;
  DraftPosition& place_;
  SourceMemo& calls_;
  size_t microbatches_;
  std::vector<int32_t> row_of_;  // by instance, from the one before the first on; -1: none
  size_t rows_ = 0;
  std::map<std::string, PoolId> pools_;
  std::vector<BufferId> tokens_, targets_, losses_;
  std::vector<BufferId> workspaces_;  // by StreamId
  std::vector<Values> values_;        // by ProgramKind, as far as made
};

template <typename Describe>
BufferId PositionPlacer::FromPool(BufferTable& table, int32_t instance, size_t microbatch,
                                  const Describe& describe) {
  const size_t row = RowOf(instance);
  BufferId& buffer = table.At(row, microbatch);
  if (buffer.valid()) return buffer;
  PoolId& id = table.PoolOf(row, draft_.PipeOf(microbatch));
  if (!id.valid()) {
    const Pool pool = describe();
    PoolId& known = pools_[pool.name + pool.suffix + ToString(pool.type)];
    if (!known.valid()) known = AddPool(draft_, position_, pool);
    id = known;
  }
  return buffer = AddBuffer(draft_, position_, id);
}

// What an instance hands to the next one, or the gradient that it gets back for it.
Pool PositionPlacer::PoolBetween(Boundary::Kind kind, int32_t instance, int32_t pipe) const {
  const TensorType type = *LayerOf(instance).output;
  const bool activation = kind == Boundary::Kind::kActivation;
  const std::string what = activation ? "activation" : "gradient";
  const bool here = IsHere(instance, pipe);
  if (here && IsHere(instance + 1, pipe)) {
    return {.kind = Pool::Kind::kFrame, .name = what, .arena = ArenaKind::kWorkspace, .type = type};
  }
  return {.kind = Pool::Kind::kTransfer,
          .name = (here == activation ? "sent " : "received ") + what,
          .arena = ArenaKind::kTransferSlots,
          .type = type};
}

BufferId PositionPlacer::Activation(Values& values, ProgramKind program, int32_t instance,
                                    size_t microbatch) {
  const int32_t pipe = draft_.PipeOf(microbatch);
  return FromPool(values.activation, instance, microbatch, [&] {
    Pool pool = PoolBetween(Boundary::Kind::kActivation, instance, pipe);
    if (pool.kind == Pool::Kind::kFrame && !Evaluates(program) &&
        KeepsInput(model_, LayerOf(instance + 1))) {
      pool.name = "frame";
      pool.suffix = "." + model_.instances[static_cast<size_t>(instance) + 1].name + ".input";
      pool.arena = ArenaKind::kFrames;
    }
    return pool;
  });
}

BufferId PositionPlacer::Gradient(Values& values, int32_t instance, size_t microbatch) {
  const int32_t pipe = draft_.PipeOf(microbatch);
  return FromPool(values.gradient, instance, microbatch,
                  [&] { return PoolBetween(Boundary::Kind::kGradient, instance, pipe); });
}

// Each compute stream has one, as large as the largest that a function here wants.
BufferId PositionPlacer::Workspace(StreamId stream) {
  if (workspaces_.size() <= stream.index()) workspaces_.resize(stream.index() + 1);
  BufferId& workspace = workspaces_[stream.index()];
  if (workspace.valid()) return workspace;
  int64_t bytes = 0;
  for (int32_t instance : place_.instances) {
    bytes = std::max(bytes, WorkspaceBytes(model_, LayerOf(instance)));
  }
  const std::string& name = draft_.plan.positions[position_.index()].streams[stream.index()].name;
  return workspace = AddFixedBuffer(draft_, position_, ArenaKind::kWorkspace,
                                    "workspace of " + name, RegionType(bytes));
}

BufferId PositionPlacer::Bind(Values& values, ProgramKind program, const Argument& argument,
                              int32_t instance, size_t microbatch, StreamId stream) {
  const CompiledInstance& layer = model_.instances[static_cast<size_t>(instance)];
  const auto saved = [&](BufferTable& table, const char* name, const char* what) {
    return FromPool(table, instance, microbatch, [&] {
      return Pool{.kind = Pool::Kind::kFrame,
                  .name = name,
                  .suffix = "." + layer.name + what,
                  .arena = ArenaKind::kFrames,
                  .type = RegionType(argument.bytes)};
    });
  };
  const auto fixed = [&](std::vector<BufferId>& made, ArenaKind arena, const char* name,
                         const TensorType& type) {
    if (!made[microbatch].valid()) {
      made[microbatch] = AddFixedBuffer(draft_, position_, arena,
                                        name + ("[" + std::to_string(microbatch) + "]"), type);
    }
    return made[microbatch];
  };
  switch (argument.role) {
    case Role::kParameter:
      return ReadBuffer(place_, layer.parameters[static_cast<size_t>(argument.ordinal)].parameter);
    case Role::kGradient: {
      const ParameterUse& use = layer.parameters[static_cast<size_t>(argument.ordinal)];
      return place_.gradient[use.parameter.index()][static_cast<size_t>(use.use)];
    }
    case Role::kInput:
      return Activation(values, program, instance - 1, microbatch);
    case Role::kOutput:
      return Activation(values, program, instance, microbatch);
    case Role::kOutputGradient:
      return Gradient(values, instance, microbatch);
    case Role::kInputGradient:
      return Gradient(values, instance - 1, microbatch);
    case Role::kTokens:
      return fixed(tokens_, ArenaKind::kBatch, "tokens", TokenType());
    case Role::kTargets:
      return fixed(targets_, ArenaKind::kBatch, "targets", TokenType());
    case Role::kLoss:
      return fixed(losses_, ArenaKind::kScalars, "loss", {.dtype = DType::kF64, .shape = {}});
    case Role::kFrameInput:
      return saved(values.frame_input, "frame", ".until_input_grad");
    case Role::kFrameWeight:
      return saved(values.frame_weight, "frame", ".until_weight_grad");
    case Role::kStash:
      return saved(values.stash, "stash", "");
    case Role::kWorkspace:
      return Workspace(stream);
  }
  CHECK(false);
}

void PositionPlacer::PlaceRun(Values& values, ProgramKind program, const OrderedTask& task,
                              SourceId source, int32_t instance, StreamId stream) {
  const CompiledLayer& layer = LayerOf(instance);
  const FunctionId function = Evaluates(program) ? layer.evaluate : FunctionOf(task.kind, layer);
  // A layer without weights has no weight gradient; one that only embeds tokens has no input
  // gradient.
  if (!function.valid()) return;
  std::vector<BufferId>& bindings = draft_.plan.positions[position_.index()].bindings;
  const Run run{.function = function,
                .layer = LayerId(instance),
                .stage = StageId(task.stage),
                .chunk = ChunkId(task.chunk),
                .microbatch = MicrobatchId(task.microbatch),
                .kind = task.kind,
                .first_binding = static_cast<int32_t>(bindings.size())};
  for (const Argument& argument : model_.functions[function.index()].arguments) {
    bindings.push_back(
        Bind(values, program, argument, instance, static_cast<size_t>(task.microbatch), stream));
  }
  draft_.Instructions(position_, program).push_back({stream, source, run});
}

void PositionPlacer::PlaceProgram(ProgramKind program) {
  std::vector<PlacedTask>& tasks = place_.tasks[static_cast<size_t>(program)];
  while (values_.size() <= static_cast<size_t>(program)) {
    values_.emplace_back(rows_, microbatches_);
  }
  Values& values = values_[static_cast<size_t>(program)];
  const std::vector<Instruction>& instructions = draft_.Instructions(position_, program);
  std::array<StreamId, 2> compute;
  for (size_t i = 0; i < tasks.size(); ++i) {
    PlacedTask& placed = tasks[i];
    // The second of an overlapped pair runs beside the first, on a stream and a workspace of its
    // own; if the first has nothing to run, it is no second.
    const bool second = placed.task.overlap_pair >= 0 && i > 0 &&
                        tasks[i - 1].task.overlap_pair == placed.task.overlap_pair &&
                        tasks[i - 1].count > 0;
    StreamId& stream = compute[second ? 1 : 0];
    if (!stream.valid()) {
      stream =
          StreamNamed(draft_, position_,
                      {.name = second ? "compute.1" : "compute.0", .kind = StreamKind::kCompute});
    }
    placed.first = static_cast<int32_t>(instructions.size());
    const SourceId source = calls_.At(placed.task.location);
    const auto place = [&](int32_t instance) {
      PlaceRun(values, program, placed.task, source, instance, stream);
    };
    const std::vector<int32_t>& layers =
        draft_.instances_of[static_cast<size_t>(placed.task.stage)];
    if (placed.task.kind == TaskKind::kForward) {
      std::for_each(layers.begin(), layers.end(), place);
    } else {
      std::for_each(layers.rbegin(), layers.rend(), place);
    }
    placed.count = static_cast<int32_t>(instructions.size()) - placed.first;
  }
  const bool has_loss =
      std::any_of(losses_.begin(), losses_.end(), [](BufferId id) { return id.valid(); });
  if (has_loss) draft_.plan.positions[position_.index()].losses = losses_;
}

// Boundaries beside a stage of this position that its results cross.
void PositionPlacer::ListBoundaries(ProgramKind program, std::vector<Boundary>& boundaries) {
  if (place_.tasks[static_cast<size_t>(program)].empty()) return;
  Values& values = values_[static_cast<size_t>(program)];
  for (const ChunkPlace& chunk : place_.chunks) {
    const StageId stage(chunk.stage), next(chunk.stage + 1), previous(chunk.stage - 1);
    const auto list = [&](Boundary::Kind kind, StageId other, int32_t instance,
                          BufferTable& table) {
      if (draft_.PositionOf(other, chunk.pipe) == position_) return;
      for (size_t i = 0; i < microbatches_; ++i) {
        if (draft_.PipeOf(i) != chunk.pipe) continue;
        boundaries.push_back({.kind = kind,
                              .from = stage,
                              .to = other,
                              .pipe = chunk.pipe,
                              .microbatch = MicrobatchId(static_cast<int64_t>(i)),
                              .source = table.At(RowOf(instance), i)});
      }
    };
    const std::vector<int32_t>& instances = draft_.instances_of[stage.index()];
    if (next.value < draft_.plan.stages) {
      list(Boundary::Kind::kActivation, next, instances.back(), values.activation);
    }
    if (!Evaluates(program) && previous.valid()) {
      list(Boundary::Kind::kGradient, previous, instances.front() - 1, values.gradient);
    }
  }
}

// The buffer in which this position receives what crosses a boundary.
BufferId PositionPlacer::TargetOf(ProgramKind program, const Boundary& boundary) {
  Values& values = values_[static_cast<size_t>(program)];
  const std::vector<int32_t>& instances = draft_.instances_of[boundary.to.index()];
  const bool activation = boundary.kind == Boundary::Kind::kActivation;
  BufferTable& table = activation ? values.activation : values.gradient;
  const int32_t instance = activation ? instances.front() - 1 : instances.back();
  return table.At(RowOf(instance), boundary.microbatch.index());
}

}  // namespace

void PlaceTasks(Draft& draft) {
  SourceMemo calls(draft, "");
  std::vector<PositionPlacer> placers;
  placers.reserve(draft.positions.size());
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    PositionPlacer& placer =
        placers.emplace_back(draft, PositionId(static_cast<int64_t>(p)), calls);
    for (ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate})
      placer.PlaceProgram(program);
  }
  for (ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
    std::vector<Boundary>& boundaries = draft.boundaries[static_cast<size_t>(program)];
    for (PositionPlacer& placer : placers) placer.ListBoundaries(program, boundaries);
    for (Boundary& boundary : boundaries) {
      const PositionId to = draft.PositionOf(boundary.to, boundary.pipe);
      boundary.target = placers[to.index()].TargetOf(program, boundary);
    }
  }
}

}  // namespace pprun
