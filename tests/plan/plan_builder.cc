#include "tests/plan/plan_builder.h"

#include <algorithm>
#include <array>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/hash.h"
#include "tests/plan/built_functions.h"

namespace pprun {
namespace {

using What = BuiltTask::What;

class Builder {
 public:
  explicit Builder(const PlanToBuild& what) : what_(what) {}

  Plan Build(const std::vector<BuiltOrder>& order) {
    MakeTables();
    for (int32_t p = 0; p < what_.positions; ++p) {
      position_ = PositionId(p);
      last_ = StreamId();
      MakePosition(order[static_cast<size_t>(p)]);
    }
    return std::move(plan_);
  }

 private:
  bool Tied() const { return what_.tied == PlanToBuild::Tied::kYes; }
  Position& Here() { return plan_.positions[position_.index()]; }
  bool Holds(int32_t layer) const { return what_.positions == 1 || position_.value == layer; }

  void MakeTables() {
    plan_.name = "built.sched";
    plan_.schedule = "built";
    plan_.mesh = {{"pp", what_.positions}, {"dp", what_.dp}};
    plan_.stages = what_.positions;
    plan_.positions.resize(static_cast<size_t>(what_.positions));
    TrainSpec& train = plan_.train;
    train.data = {DataSpec::Kind::kSynthetic, "", 1};
    train.vocabulary = kVocabulary;
    train.sequence = kSequence;
    train.microbatches = what_.microbatches;
    train.batch = kSamples * what_.microbatches * what_.dp;
    train.steps = 2;
    train.optimizer = {.kind = OptimizerSpec::Kind::kAdamW,
                       .learning_rate = 1e-3,
                       .beta1 = 0.9,
                       .beta2 = 0.999,
                       .epsilon = 1e-8,
                       .clip = what_.clip};
    AddParameter("embed.table", kEmbed);
    if (Tied()) {
      plan_.parameters[0].aliases = {"head.weight"};
      plan_.parameters[0].holders.clear();
      for (int32_t p = 0; p < what_.positions; ++p) plan_.parameters[0].holders.emplace_back(p);
    } else {
      AddParameter("head.weight", kHead);
    }
    for (const char* name : {"embed", "head"}) {
      const int32_t stage =
          std::min<int32_t>(static_cast<int32_t>(plan_.layers.size()), what_.positions - 1);
      plan_.layers.push_back({name, HashText(name), StageId(stage)});
    }
    // One block a parameter; where one position has both, its sums are a cache line apart.
    for (size_t i = 0; what_.clip > 0 && i < plan_.parameters.size(); ++i) {
      const int32_t first = static_cast<int32_t>(i) * (what_.positions == 1 ? 8 : 1);
      plan_.norm_order.push_back({ParameterId(static_cast<int64_t>(i)), first, 1});
    }
    plan_.functions = MakeBuiltFunctions(train.batch);
    plan_.groups.push_back({"dp", {}, {AxisId(1)}});
    if (what_.positions > 1) {
      plan_.groups.push_back({"pp", {PositionId(0), PositionId(1)}, {}});
      plan_.channels.push_back({"activation 0 to 1", PositionId(0), PositionId(1), kActivation});
      plan_.channels.push_back({"gradient 1 to 0", PositionId(1), PositionId(0), kActivation});
    }
    plan_.files.push_back({"built.sched", "mesh { pp = 2; }\nschedule built {\n}\n"});
  }

  void AddParameter(const char* name, int32_t layer) {
    Parameter parameter{.name = name, .type = kTable};
    parameter.initialisation = {Initialisation::Kind::kNormal, 0.02};
    if (what_.dp > 1) parameter.sum_over = {AxisId(1)};
    parameter.holders = {PositionId(std::min(layer, what_.positions - 1))};
    parameter.exports.push_back({name, 0, kVocabulary, ExportPart::Layout::kAsIs});
    plan_.parameters.push_back(std::move(parameter));
  }

  BufferId AddBuffer(std::string name, ArenaKind arena, const TensorType& type) {
    int64_t& bytes = Here().arena_bytes[static_cast<size_t>(arena)];
    Here().buffers.push_back({std::move(name), arena, bytes, type});
    bytes += (type.Bytes() + 63) / 64 * 64;
    return BufferId(static_cast<int64_t>(Here().buffers.size()) - 1);
  }
  // One a slot, or one a microbatch.
  std::vector<BufferId> AddBuffers(const std::string& name, ArenaKind arena, const TensorType& type,
                                   int32_t count) {
    std::vector<BufferId> buffers;
    for (int32_t i = 0; i < count; ++i) {
      buffers.push_back(AddBuffer(name + "[" + std::to_string(i) + "]", arena, type));
    }
    return buffers;
  }
  BufferId InSlot(const std::vector<BufferId>& buffers, int32_t microbatch) const {
    return buffers[static_cast<size_t>(microbatch) % buffers.size()];
  }

  // A place of its own for each: line 2 and on, so that findings can be told apart.
  SourceId AddSource(const std::string& reason) {
    plan_.sources.push_back({0, static_cast<uint32_t>(plan_.sources.size()) + 2, 3, reason});
    return SourceId(static_cast<int64_t>(plan_.sources.size()) - 1);
  }
  Program& Body() { return Here().programs[static_cast<size_t>(program_)]; }

  // Appends an instruction that waits for the one before it.
  void Issue(StreamId stream, Operands operands) {
    Program& body = Body();
    const SourceId source = AddSource("built");
    if (last_.valid() && last_ != stream) {
      const EventId event(body.events++);
      body.instructions.push_back({last_, source, Record{event}});
      body.instructions.push_back({stream, source, Wait{event}});
    }
    body.instructions.push_back({stream, source, std::move(operands)});
    last_ = stream;
  }

  StreamId AddStream(std::string name, StreamKind kind, GroupId group = {}) {
    Here().streams.push_back({std::move(name), kind, group});
    return StreamId(static_cast<int64_t>(Here().streams.size()) - 1);
  }

  void MakePosition(const BuiltOrder& order) {
    compute_ = AddStream("compute.0", StreamKind::kCompute);
    copy_ = AddStream("copy", StreamKind::kCopy);
    if (what_.dp > 1) sum_ = AddStream("dp", StreamKind::kCollective, GroupId(0));
    if (what_.positions > 1) {
      gather_ = AddStream("pp", StreamKind::kCollective, GroupId(1));
      send_ = AddStream("send", StreamKind::kTransfer);
      recv_ = AddStream("recv", StreamKind::kTransfer);
    }
    MakeBuffers();
    MakeInitialise();
    MakeStep(order);
    if (what_.validate == PlanToBuild::Validate::kYes) MakeValidate();
  }

  void MakeBuffers() {
    const int32_t count = what_.microbatches;
    for (size_t layer = 0; layer < 2; ++layer) {
      if (!Holds(static_cast<int32_t>(layer))) continue;
      const std::string name = layer == 0 ? "embed.table" : "head.weight";
      if (layer == 1 && Tied() && what_.positions == 1) {
        weight_[1] = weight_[0];
      } else {
        weight_[layer] = AddBuffer(name, ArenaKind::kParameters, kTable);
        first_[layer] = AddBuffer("first moment of " + name, ArenaKind::kOptimizer, kTable);
        second_[layer] = AddBuffer("second moment of " + name, ArenaKind::kOptimizer, kTable);
      }
      gradient_[layer] = AddBuffer("gradient of " + name, ArenaKind::kGradients, kTable);
    }
    tokens_ = AddBuffers("tokens", ArenaKind::kBatch, kIds, count);
    targets_ = AddBuffers("targets", ArenaKind::kBatch, kIds, count);
    losses_ = AddBuffers("loss", ArenaKind::kScalars, kLossType, count);
    activation_ = AddBuffers("activation", ArenaKind::kTransferSlots, kActivation, what_.slots);
    activation_gradient_ =
        AddBuffers("activation gradient", ArenaKind::kTransferSlots, kActivation, what_.slots);
    frame_ = AddBuffers("frame", ArenaKind::kFrames, kFrame, what_.slots);
    stash_ = AddBuffers("stash", ArenaKind::kFrames, kFrame, what_.slots);
    workspace_ = AddBuffer("workspace", ArenaKind::kWorkspace, kFrame);
    if (Holds(kHead)) Here().losses = losses_;
  }

  // Whether this layer's parameter is this position's to make and update, apart from another
  // layer's.
  bool Owns(int32_t layer) const {
    return Holds(layer) && !(layer == kHead && Tied() && what_.positions == 1);
  }
  ParameterId ParameterOf(int32_t layer) const { return ParameterId(Tied() ? 0 : layer); }

  void MakeInitialise() {
    Begin(ProgramKind::kInitialise);
    for (int32_t layer : {kEmbed, kHead}) {
      const size_t l = static_cast<size_t>(layer);
      if (!Owns(layer)) continue;
      Issue(compute_, Initialise{ParameterOf(layer), weight_[l]});
      Issue(compute_, Zero{first_[l]});
      Issue(compute_, Zero{second_[l]});
    }
  }

  void MakeStep(const BuiltOrder& order) {
    Begin(ProgramKind::kStep);
    for (int32_t layer : {kEmbed, kHead}) {
      if (Holds(layer)) Issue(compute_, Zero{gradient_[static_cast<size_t>(layer)]});
    }
    Loads();
    for (const BuiltTask& task : order) IssueTask(task);
    SumGradients();
    if (what_.clip > 0) Clip();
    for (int32_t layer : {kEmbed, kHead}) {
      const size_t l = static_cast<size_t>(layer);
      if (!Owns(layer)) continue;
      Here().updates.push_back(
          {ParameterOf(layer), weight_[l], gradient_[l], first_[l], second_[l], BufferId()});
    }
    const int32_t rows = static_cast<int32_t>(Here().updates.size());
    Issue(compute_, Update{.first = 0, .count = rows, .clip = Here().gradient_norm});
  }

  void MakeValidate() {
    Begin(ProgramKind::kValidate);
    Loads();
    for (int32_t i = 0; i < what_.microbatches; ++i) {
      if (Holds(kEmbed)) IssueRun(kEmbed, TaskKind::kForward, i);
      if (what_.positions > 1) {
        IssueTask({position_.value == 0 ? What::kSendActivation : What::kRecvActivation, i});
      }
      if (Holds(kHead)) IssueRun(kHead, TaskKind::kForward, i);
    }
  }

  void Begin(ProgramKind program) {
    program_ = program;
    last_ = StreamId();
  }

  void Loads() {
    for (int32_t i = 0; i < what_.microbatches; ++i) {
      if (Holds(kEmbed)) {
        Issue(copy_, Load{Load::What::kTokens, InSlot(tokens_, i), MicrobatchId(i)});
      }
      if (Holds(kHead)) {
        Issue(copy_, Load{Load::What::kTargets, InSlot(targets_, i), MicrobatchId(i)});
      }
    }
  }

  void IssueTask(const BuiltTask& task) {
    const int32_t i = task.microbatch;
    switch (task.what) {
      case What::kForward:
        if (Holds(kEmbed)) IssueRun(kEmbed, TaskKind::kForward, i);
        if (Holds(kHead)) IssueRun(kHead, TaskKind::kForward, i);
        return;
      case What::kBackward:
        if (Holds(kHead)) IssueRun(kHead, TaskKind::kBackward, i);
        if (Holds(kEmbed)) IssueRun(kEmbed, TaskKind::kBackward, i);
        return;
      case What::kInputGrad:
        if (Holds(kHead)) IssueRun(kHead, TaskKind::kInputGrad, i);
        return;
      case What::kWeightGrad:
        if (Holds(kHead)) IssueRun(kHead, TaskKind::kWeightGrad, i);
        if (Holds(kEmbed)) IssueRun(kEmbed, TaskKind::kWeightGrad, i);
        return;
      case What::kSendActivation:
        return Issue(send_, Send{InSlot(activation_, i), ChannelId(0), MicrobatchId(i)});
      case What::kRecvActivation:
        return Issue(recv_, Recv{InSlot(activation_, i), ChannelId(0), MicrobatchId(i)});
      case What::kSendGradient:
        return Issue(send_, Send{InSlot(activation_gradient_, i), ChannelId(1), MicrobatchId(i)});
      case What::kRecvGradient:
        return Issue(recv_, Recv{InSlot(activation_gradient_, i), ChannelId(1), MicrobatchId(i)});
    }
  }

  BufferId Bind(int32_t layer, const Argument& argument, int32_t microbatch) const {
    const size_t l = static_cast<size_t>(layer);
    switch (argument.role) {
      case Role::kParameter:
        return weight_[l];
      case Role::kGradient:
        return gradient_[l];
      case Role::kInput:
      case Role::kOutput:
        return InSlot(activation_, microbatch);
      case Role::kOutputGradient:
      case Role::kInputGradient:
        return InSlot(activation_gradient_, microbatch);
      case Role::kTokens:
        return InSlot(tokens_, microbatch);
      case Role::kTargets:
        return InSlot(targets_, microbatch);
      case Role::kLoss:
        return InSlot(losses_, microbatch);
      case Role::kFrameInput:
      case Role::kFrameWeight:
        return InSlot(frame_, microbatch);
      case Role::kStash:
        return InSlot(stash_, microbatch);
      case Role::kWorkspace:
        return workspace_;
    }
    CHECK(false);
  }

  void IssueRun(int32_t layer, TaskKind kind, int32_t microbatch) {
    const FunctionId function = BuiltFunctionOf(layer, kind, program_);
    const int32_t first = static_cast<int32_t>(Here().bindings.size());
    for (const Argument& argument : plan_.functions[function.index()].arguments) {
      Here().bindings.push_back(Bind(layer, argument, microbatch));
    }
    Issue(compute_, Run{function, LayerId(layer), plan_.layers[static_cast<size_t>(layer)].stage,
                        ChunkId(0), MicrobatchId(microbatch), kind, first});
  }

  void SumGradients() {
    if (Tied() && what_.positions == 1) Issue(compute_, Add{gradient_[1], gradient_[0]});
    for (int32_t layer : {kEmbed, kHead}) {
      const BufferId buffer = gradient_[static_cast<size_t>(layer)];
      if (!Owns(layer)) continue;
      if (what_.dp > 1) {
        Issue(sum_, Collective{CollectiveKind::kAllReduce, buffer, buffer, GroupId(0)});
      }
      if (Tied() && what_.positions > 1) {
        Issue(gather_, Collective{CollectiveKind::kAllReduce, buffer, buffer, GroupId(1)});
      }
    }
  }

  // Each parameter has one block of partial sums; one held twice is counted by the first position.
  void Clip() {
    const TensorType one{DType::kF64, {1}};
    std::vector<BufferId> own;
    const size_t mine = what_.positions == 1 && !Tied() ? 2 : 1;
    for (size_t i = 0; i < mine; ++i) {
      // Eight bytes apart, so that a gather of several positions has no gaps.
      own.push_back(AddBuffer("squares", ArenaKind::kScalars, one));
    }
    BufferId partials = own[0];
    const TensorType all{DType::kF64, {what_.positions == 1 ? 9 : 2}};
    for (int32_t layer : {kEmbed, kHead}) {
      if (!Owns(layer)) continue;
      const size_t slot = mine == 2 ? static_cast<size_t>(layer) : 0;
      const bool counts = !(Tied() && position_.value == 1);
      const BufferId gradient = gradient_[static_cast<size_t>(layer)];
      if (!counts) {
        Issue(compute_, Zero{own[slot]});
        continue;
      }
      const int32_t row = static_cast<int32_t>(Here().square_sums.size());
      Here().square_sums.push_back({ParameterOf(layer), gradient, own[slot]});
      Issue(compute_, SquareSum{.first = row, .count = 1});
    }
    if (what_.positions > 1) {
      partials = AddBuffer("all squares", ArenaKind::kScalars, all);
      Issue(gather_, Collective{CollectiveKind::kAllGather, own[0], partials, GroupId(1)});
    } else if (mine == 2) {
      // The two sums are a cache line apart; what lies between is zeroed first.
      Here().buffers.push_back(
          {"all squares", ArenaKind::kScalars, Here().buffers[own[0].index()].offset, all});
      partials = BufferId(static_cast<int64_t>(Here().buffers.size()) - 1);
      std::vector<Instruction>& body = Body().instructions;
      const auto first = std::ranges::find_if(body, [](const Instruction& instruction) {
        return std::holds_alternative<SquareSum>(instruction.operands);
      });
      body.insert(first, {compute_, AddSource("built"), Zero{partials}});
    }
    const BufferId factor_and_norm = AddBuffer("clip", ArenaKind::kScalars, {DType::kF32, {2}});
    Here().gradient_norm = factor_and_norm;
    Issue(compute_, ClipFactor{partials, factor_and_norm});
  }

  PlanToBuild what_;
  Plan plan_;
  PositionId position_;
  ProgramKind program_ = ProgramKind::kInitialise;
  StreamId last_;
  StreamId compute_, copy_, sum_, gather_, send_, recv_;
  std::array<BufferId, 2> weight_, gradient_, first_, second_;  // by layer
  std::vector<BufferId> tokens_, targets_, losses_;             // by microbatch
  std::vector<BufferId> activation_, activation_gradient_, frame_, stash_;
  BufferId workspace_;
};

}  // namespace

Plan BuildPlan(const PlanToBuild& what) { return BuildPlan(what, DefaultOrder(what)); }

Plan BuildPlan(const PlanToBuild& what, const std::vector<BuiltOrder>& order) {
  return Builder(what).Build(order);
}

}  // namespace pprun
