// types, third part: every instruction is on a stream of its kind, its operands exist and have the
// types that it works on, and the messages of a channel are on one stream at each end. Tests:
// named_damage_test.cc.
#include <algorithm>
#include <optional>
#include <variant>

#include "compiler/verify/argument_types.h"
#include "compiler/verify/check_optimizer.h"
#include "compiler/verify/checks.h"
#include "compiler/verify/layer_bindings.h"
#include "compiler/verify/limits.h"

namespace pprun {
namespace {

using Problem = std::optional<std::string>;

// What a binding is compared with, of each buffer.
struct Bindable {
  int64_t bytes = 0;
  int32_t type = 0;  // of TypeNumbers
  enum class Aligned : uint8_t { kNo, kYes } aligned = Aligned::kNo;
};

std::vector<Bindable> BindablesOf(const Position& position, TypeNumbers& numbers) {
  std::vector<Bindable> bindables;
  bindables.reserve(position.buffers.size());
  for (const Buffer& buffer : position.buffers) {
    bindables.push_back(
        {buffer.type.Bytes(), numbers.Of(buffer.type),
         buffer.offset % 8 == 0 ? Bindable::Aligned::kYes : Bindable::Aligned::kNo});
  }
  return bindables;
}

// What is wrong with one instruction.
struct ProblemOf {
  const Plan& plan;
  const ArgumentTypes& argument_types;
  std::vector<ChannelQueues>& queues;  // by ChannelId
  const std::vector<Bindable>& bindables;
  const std::vector<size_t>& layer_arguments;
  LayerBindings& lists;
  std::vector<Problem>& list_problems;  // by number
  const int64_t samples;                // of a load
  const Position& position;
  const PositionId here;
  const ProgramKind program;
  // Of the instruction at hand.
  const Stream* stream = nullptr;
  StreamId stream_id;

  Problem Of(const Instruction& instruction) {
    if (!Exists(instruction.stream, position.streams)) return "is on a stream that does not exist";
    stream_id = instruction.stream;
    stream = &position.streams[stream_id.index()];
    return Visit(*this, instruction.operands);
  }

  template <typename Tag, typename Entry>
  static bool Exists(Id<Tag> id, const std::vector<Entry>& table) {
    return id.valid() && id.index() < table.size();
  }
  const TensorType* TypeOf(BufferId id) const {
    return Exists(id, position.buffers) ? &position.buffers[id.index()].type : nullptr;
  }
  static bool IsFloat(const TensorType& type) {
    return type.dtype == DType::kF32 || type.dtype == DType::kF64;
  }
  bool ValidMicrobatch(MicrobatchId id) const {
    return id.valid() && id.value < plan.train.microbatches;
  }
  bool OffTransfers() const {
    return stream->kind == StreamKind::kCompute || stream->kind == StreamKind::kCopy;
  }
  // Work that belongs to no layer: a device's own, on a stream that meets nobody.
  Problem Local() const {
    if (!OffTransfers()) return "is on a stream that meets other ranks";
    return std::nullopt;
  }

  bool CanBind(const ArgumentType& argument, BufferId id) const {
    if (!Exists(id, bindables)) return false;
    const Bindable& buffer = bindables[id.index()];
    return buffer.bytes >= argument.bytes &&
           (argument.number == kAnyType || argument.number == buffer.type) &&
           buffer.aligned == Bindable::Aligned::kYes;
  }
  // Why it cannot.
  Problem BoundTo(const Argument& argument, const std::optional<TensorType>& wanted,
                  BufferId id) const {
    const std::string name = "`" + std::string(Name(argument.role)) + "`";
    if (!Exists(id, position.buffers)) return "binds " + name + " to no buffer";
    const Buffer& buffer = position.buffers[id.index()];
    const std::string bound = "binds " + name + " to `" + buffer.name + "`, which ";
    if (buffer.type.Bytes() < argument.bytes) {
      return bound + "has " + std::to_string(buffer.type.Bytes()) + " bytes, not " +
             std::to_string(argument.bytes);
    }
    if (wanted && buffer.type != *wanted) {
      return bound + "is " + ToString(buffer.type) + ", not " + ToString(*wanted);
    }
    if (buffer.offset % 8 != 0) return bound + "is not aligned";
    return std::nullopt;
  }

  Problem operator()(const Run& run) const {
    if (stream->kind != StreamKind::kCompute) return "is not on a compute stream";
    if (program == ProgramKind::kInitialise) return "computes while parameters are made";
    if (!Exists(run.function, plan.functions)) return "runs a function that does not exist";
    if (!Exists(run.layer, plan.layers)) return "is of a layer that does not exist";
    if (run.stage != plan.layers[run.layer.index()].stage)
      return "names another stage than its layer";
    if (!run.chunk.valid() || run.chunk.value >= plan.stages) return "is of no chunk";
    if (!ValidMicrobatch(run.microbatch)) return "is of a microbatch that does not exist";
    const Function& function = plan.functions[run.function.index()];
    if (run.kind != function.kind) return "says another kind than its function";
    const size_t first = static_cast<size_t>(run.first_binding);
    if (run.first_binding < 0 || first > position.bindings.size() ||
        function.arguments.size() > position.bindings.size() - first) {
      return "has bindings that do not exist";
    }
    const size_t number = lists.NumberOf(run);
    const size_t listed = layer_arguments[run.function.index()];
    if (number == list_problems.size()) list_problems.push_back(Bound(run, 0, listed));
    if (list_problems[number]) return list_problems[number];
    return Bound(run, listed, function.arguments.size());
  }
  // Of the arguments [begin, end).
  Problem Bound(const Run& run, size_t begin, size_t end) const {
    const ArgumentType* types = argument_types[run.function.index()].data();
    const BufferId* buffers = position.bindings.data() + run.first_binding;
    for (size_t i = begin; i < end; ++i) {
      if (CanBind(types[i], buffers[i])) continue;
      const Argument& argument = plan.functions[run.function.index()].arguments[i];
      return BoundTo(argument, types[i].type, buffers[i]);
    }
    return std::nullopt;
  }

  // `end` is that of the position.
  Problem Transfer(BufferId buffer, const Channel& channel, PositionId end, StreamId& queue,
                   MicrobatchId microbatch) const {
    if (stream->kind != StreamKind::kTransfer) return "is not on a stream of transfers";
    if (end != here) return "is at the wrong end of its channel";
    if (!queue.valid()) queue = stream_id;
    if (queue != stream_id) return "is not on its channel's stream";
    const TensorType* type = TypeOf(buffer);
    const TensorType& message = channel.type;
    if (type == nullptr) return "has no buffer";
    if (*type != message) {
      return "transfers " + ToString(*type) + " on a channel of " + ToString(message);
    }
    if (!ValidMicrobatch(microbatch)) return "is of a microbatch that does not exist";
    return std::nullopt;
  }
  Problem operator()(const Send& send) const {
    if (!Exists(send.channel, plan.channels)) return "uses a channel that does not exist";
    const Channel& channel = plan.channels[send.channel.index()];
    return Transfer(send.source, channel, channel.from, queues[send.channel.index()].sends,
                    send.microbatch);
  }
  Problem operator()(const Recv& recv) const {
    if (!Exists(recv.channel, plan.channels)) return "uses a channel that does not exist";
    const Channel& channel = plan.channels[recv.channel.index()];
    return Transfer(recv.target, channel, channel.to, queues[recv.channel.index()].recvs,
                    recv.microbatch);
  }

  Problem OnGroup(GroupId group) const {
    if (!Exists(group, plan.groups)) return "is over a group that does not exist";
    if (stream->kind != StreamKind::kCollective || stream->group != group) {
      return "is not on its group's stream";
    }
    return std::nullopt;
  }
  Problem operator()(const Collective& collective) const {
    if (const auto problem = OnGroup(collective.group)) return problem;
    const TensorType* source = TypeOf(collective.source);
    const TensorType* target = TypeOf(collective.target);
    if (source == nullptr || target == nullptr) return "has no buffer";
    if (source->dtype != target->dtype) return "changes the element type";
    const int64_t members = SizeOf(plan, plan.groups[collective.group.index()]);
    const int64_t from = source->shape.Elements(), to = target->shape.Elements();
    const auto times = [&](int64_t one, int64_t all) {
      return all % members == 0 && all / members == one;
    };
    const bool sums = IsFloat(*source);
    const bool rooted =
        collective.kind == CollectiveKind::kBroadcast || collective.kind == CollectiveKind::kReduce;
    if (rooted ? collective.root < 0 || collective.root >= members : collective.root != 0) {
      return "has no such root";
    }
    switch (collective.kind) {
      case CollectiveKind::kAllReduce:
        if (!sums) return "sums what is no number";
        if (collective.source != collective.target) return "does not work in place";
        return std::nullopt;
      case CollectiveKind::kBroadcast:
        if (collective.source != collective.target) return "does not work in place";
        return std::nullopt;
      case CollectiveKind::kReduce:
        if (!sums) return "sums what is no number";
        if (collective.source != collective.target) return "does not work in place";
        return std::nullopt;
      case CollectiveKind::kAllGather:
        if (!times(from, to)) return "gathers into a buffer of another size";
        return std::nullopt;
      case CollectiveKind::kReduceScatter:
        if (!sums) return "sums what is no number";
        if (!times(to, from)) return "scatters into buffers of another size";
        return std::nullopt;
      case CollectiveKind::kAllToAll:
        if (from != to || from % members != 0) return "exchanges parts that are not even";
        return std::nullopt;
    }
    return "is of no kind";
  }
  Problem operator()(const Permute& permute) const {
    if (const auto problem = OnGroup(permute.group)) return problem;
    const TensorType* source = TypeOf(permute.source);
    const TensorType* target = TypeOf(permute.target);
    if (source == nullptr || target == nullptr || *source != *target) {
      return "has buffers that do not exist or differ";
    }
    return std::nullopt;
  }

  Problem operator()(const Load& load) const {
    if (const auto problem = Local()) return problem;
    if (program == ProgramKind::kInitialise) return "loads while parameters are made";
    const TensorType* type = TypeOf(load.target);
    const TensorType wanted{DType::kI32, {samples, plan.train.sequence}};
    if (type == nullptr) return "has no buffer";
    if (*type != wanted) return "loads into " + ToString(*type) + ", not " + ToString(wanted);
    if (!ValidMicrobatch(load.microbatch)) return "is of a microbatch that does not exist";
    return std::nullopt;
  }
  Problem operator()(const Initialise& initialise) const {
    if (const auto problem = Local()) return problem;
    if (program != ProgramKind::kInitialise) return "makes a parameter anew during training";
    return ParameterProblem(plan, position, initialise.parameter, {initialise.target});
  }
  Problem operator()(const Zero& zero) const {
    if (TypeOf(zero.target) == nullptr) return "has no buffer";
    return Local();
  }
  Problem operator()(const Cast& cast) const {
    const TensorType* source = TypeOf(cast.source);
    const TensorType* target = TypeOf(cast.target);
    if (source == nullptr || target == nullptr) return "has no buffer";
    if (source->shape != target->shape) return "changes the shape";
    const auto is = [](const TensorType* type, DType dtype) { return type->dtype == dtype; };
    const bool rounds = is(source, DType::kF32) && is(target, DType::kBF16);
    const bool widens = is(source, DType::kBF16) && is(target, DType::kF32);
    if (!rounds && !widens && source->dtype != target->dtype) {
      return "casts " + ToString(*source) + " to " + ToString(*target);
    }
    return Local();
  }
  Problem operator()(const Add& add) const {
    const TensorType* source = TypeOf(add.source);
    const TensorType* target = TypeOf(add.target);
    if (source == nullptr || target == nullptr) return "has no buffer";
    if (*source != *target || !IsFloat(*source))
      return "adds " + ToString(*source) + " to " + ToString(*target);
    return Local();
  }
  Problem operator()(const SquareSum& sum) const { return Optimizer(sum); }
  Problem operator()(const ClipFactor& clip) const { return Optimizer(clip); }
  Problem operator()(const Update& update) const { return Optimizer(update); }
  template <typename Operands>
  Problem Optimizer(const Operands& operands) const {
    if (const auto problem = OptimizerProblem(plan, position, operands)) return problem;
    return Local();
  }
  Problem Event(EventId event) const {
    const int32_t events = position.programs[static_cast<size_t>(program)].events;
    if (!event.valid() || event.value >= events) return "is of an event that does not exist";
    return std::nullopt;
  }
  Problem operator()(const Record& record) const { return Event(record.event); }
  Problem operator()(const Wait& wait) const { return Event(wait.event); }
};

}  // namespace

void CheckInstructions(const Plan& plan, const ArgumentTypes& argument_types,
                       const std::vector<size_t>& layer_arguments, TypeNumbers& numbers,
                       std::vector<ChannelQueues>& queues, PositionId id, Findings& findings) {
  const Position& position = plan.positions[id.index()];
  const std::vector<Bindable> bindables = BindablesOf(position, numbers);
  LayerBindings lists(plan, layer_arguments, position);
  std::vector<Problem> list_problems;
  const int64_t samples = plan.train.batch / plan.train.microbatches / plan.Replicas();
  const std::string where = "position " + std::to_string(id.value);
  int64_t bound = 0;
  for (int kind = 0; kind < kProgramCount; ++kind) {
    const ProgramKind program_kind = static_cast<ProgramKind>(kind);
    const Program& program = position.programs[static_cast<size_t>(kind)];
    if (program.events < 0 || static_cast<size_t>(program.events) > program.instructions.size()) {
      findings.Add(FindingKind::kTypes,
                   where + " has a program with more events than instructions");
      return;
    }
    ProblemOf problem_of{plan,          argument_types, queues,   bindables, layer_arguments, lists,
                         list_problems, samples,        position, id,        program_kind};
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Instruction& instruction = program.instructions[i];
      if (instruction.source.valid() && instruction.source.index() >= plan.sources.size()) {
        findings.Add(FindingKind::kTypes, where + " has an instruction from nowhere");
        return;
      }
      const Site site{id, 0, static_cast<int32_t>(i)};
      if (const Problem problem = problem_of.Of(instruction)) {
        findings.Add(FindingKind::kTypes, NameOf(plan, program_kind, site) + " " + *problem,
                     instruction.source);
        if (findings.full()) return;
        continue;
      }
      if (const Run* run = std::get_if<Run>(&instruction.operands)) {
        bound += static_cast<int64_t>(plan.functions[run->function.index()].arguments.size());
      } else if (const SquareSum* sum = std::get_if<SquareSum>(&instruction.operands)) {
        bound += sum->count;
      } else if (const Update* update = std::get_if<Update>(&instruction.operands)) {
        bound += update->count;
      }
    }
  }
  const size_t entries =
      position.bindings.size() + position.square_sums.size() + position.updates.size();
  if (bound > BoundArgumentsLimit(entries)) {
    findings.Add(FindingKind::kTypes, where + " binds too many arguments through shared entries");
  }
}

}  // namespace pprun
