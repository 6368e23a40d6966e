#include "runtime/prepare.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "compiler/plan/base/hash.h"
#include "runtime/call_settings.h"

namespace pprun {
namespace {

using kernels::Tensor;
using Action = decltype(PreparedStep::action);

// Resolves one instruction; a case for every kind.
struct PrepareInstruction {
  const PrepareContext& context;
  PreparedProgram& program;

  Tensor TensorOf(BufferId buffer) const { return context.memory.TensorOf(buffer); }
  const Parameter& ParameterOf(ParameterId id) const { return context.plan.parameters[id.index()]; }
  std::vector<int64_t> Members(GroupId group) const {
    return MembersOf(context.plan, context.plan.groups[group.index()], context.rank);
  }
  int64_t Peer(ChannelId channel) const {
    return PeerOf(context.plan, context.plan.channels[channel.index()], context.rank);
  }

  Action Calls(std::vector<DeviceCall> calls) const {
    program.calls.push_back(std::move(calls));
    return IssueCalls{program.calls.back()};
  }
  Action Call(DeviceCall call) const {
    std::vector<DeviceCall> calls;
    calls.push_back(std::move(call));
    return Calls(std::move(calls));
  }
  Action Meeting(std::unique_ptr<PreparedMeeting> meeting) const {
    program.meetings.push_back(std::move(meeting));
    return IssueMeeting{program.meetings.back().get()};
  }

  Action operator()(const Run& run) const;
  Action operator()(const Send& send) const {
    return Meeting(
        context.communicator.PrepareSend(send.channel, Peer(send.channel), TensorOf(send.source)));
  }
  Action operator()(const Recv& recv) const {
    return Meeting(
        context.communicator.PrepareRecv(recv.channel, Peer(recv.channel), TensorOf(recv.target)));
  }
  Action operator()(const Collective& collective) const {
    return Meeting(context.communicator.PrepareCollective(
        collective.kind, collective.group, Members(collective.group), TensorOf(collective.source),
        TensorOf(collective.target), collective.root));
  }
  Action operator()(const Permute& permute) const {
    return Meeting(context.communicator.PreparePermute(permute.group, Members(permute.group),
                                                       TensorOf(permute.source),
                                                       TensorOf(permute.target), permute.shift));
  }
  Action operator()(const Load& load) const {
    return Call(
        CopyCall{context.staging.Reserve(load.what, load.microbatch), TensorOf(load.target)});
  }
  Action operator()(const Initialise& initialise) const {
    const Parameter& parameter = ParameterOf(initialise.parameter);
    return Call(InitialiseCall{.target = TensorOf(initialise.target),
                               .initialisation = parameter.initialisation,
                               .seed = context.plan.train.seed,
                               .name_hash = HashText(parameter.name)});
  }
  Action operator()(const Zero& zero) const { return Call(ZeroCall{TensorOf(zero.target)}); }
  Action operator()(const Cast& cast) const {
    return Call(CastCall{TensorOf(cast.source), TensorOf(cast.target)});
  }
  Action operator()(const Add& add) const {
    return Call(AddCall{TensorOf(add.source), TensorOf(add.target)});
  }
  Action operator()(const SquareSum& sum) const {
    SquareSumCall call;
    for (const ParameterSquares& row : RowsOf(context.position, sum)) {
      call.gradients.push_back({TensorOf(row.gradient), TensorOf(row.partials)});
    }
    return Call(std::move(call));
  }
  Action operator()(const ClipFactor& clip) const {
    return Call(ClipFactorCall{.partials = TensorOf(clip.partials),
                               .target = TensorOf(clip.target),
                               .order = context.memory.norm_order(),
                               .max_norm = context.plan.train.optimizer.clip});
  }
  Action operator()(const Update& update) const {
    UpdateCall call = {.optimizer = &context.plan.train.optimizer,
                       .parameters = {},
                       .factor = FactorOf(TensorOf(update.clip)),
                       .state = context.memory.step_state()};
    for (const ParameterUpdate& row : RowsOf(context.position, update)) {
      const bool decays = ParameterOf(row.parameter).decay == Parameter::Decay::kYes;
      using Decay = kernels::UpdateTensors::Decay;
      call.parameters.push_back({.parameter = TensorOf(row.value),
                                 .gradient = TensorOf(row.gradient),
                                 .first = TensorOf(row.first_moment),
                                 .second = TensorOf(row.second_moment),
                                 .rounded = TensorOf(row.rounded),
                                 .decay = decays ? Decay::kYes : Decay::kNo});
    }
    return Call(std::move(call));
  }
  Action operator()(const Record& record) const {
    return IssueRecord{program.events[record.event.index()].get()};
  }
  Action operator()(const Wait& wait) const {
    return IssueWait{program.events[wait.event.index()].get()};
  }
};

Action PrepareInstruction::operator()(const Run& run) const {
  const Function& function = context.plan.functions[run.function.index()];
  for (const Segment& segment : function.segments) {
    if (segment.axis.valid()) {
      throw std::runtime_error("`" + function.name +
                               "` has operations on a stream of a mesh axis, "
                               "which this runtime cannot execute");
    }
  }
  std::vector<Tensor> views;
  for (const View& view : function.views) {
    const size_t binding = static_cast<size_t>(run.first_binding + view.argument);
    const Tensor bound = TensorOf(context.position.bindings[binding]);
    views.push_back(
        {static_cast<std::byte*>(bound.data) + view.offset, view.type.dtype, view.type.shape});
  }
  const kernels::RandomKey key = {
      .seed = context.plan.train.seed,
      .layer = run.layer.valid() ? context.plan.layers[run.layer.index()].key : 0,
      .first_sample = context.staging.share().FirstSample(run.microbatch),
      .state = context.memory.step_state()};

  std::vector<DeviceCall> calls;
  calls.reserve(function.operations.size());
  for (const Operation& operation : function.operations) {
    OperationCall call = {operation.kind, operation.attributes, {}, key};
    call.random.operation = operation.attributes.random_key;
    for (const ViewId view : operation.operands) {
      call.operands.push_back(view.valid() ? views[view.index()] : Tensor{});
    }
    calls.emplace_back(std::move(call));
  }
  return Calls(std::move(calls));
}

}  // namespace

PreparedProgram Prepare(const PrepareContext& context, ProgramKind program) {
  const Program& source = context.position.programs[static_cast<size_t>(program)];
  PreparedProgram prepared;
  for (int32_t i = 0; i < source.events; ++i) {
    prepared.events.push_back(context.device.CreateEvent());
  }
  prepared.steps.reserve(source.instructions.size());
  const PrepareInstruction prepare = {context, prepared};
  for (size_t i = 0; i < source.instructions.size(); ++i) {
    const Instruction& instruction = source.instructions[i];
    prepared.steps.push_back({.stream = context.streams[instruction.stream.index()].get(),
                              .tag = TagOf(program, i),
                              .action = std::visit(prepare, instruction.operands)});
  }
  return prepared;
}

WorkTag TagOf(ProgramKind program, size_t instruction) {
  return (static_cast<WorkTag>(program) << 32) | static_cast<WorkTag>(instruction);
}

ProgramKind ProgramOf(WorkTag tag) { return static_cast<ProgramKind>(tag >> 32); }

int32_t InstructionOf(WorkTag tag) { return static_cast<int32_t>(tag & 0xffffffff); }

}  // namespace pprun
