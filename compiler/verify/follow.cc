#include "compiler/verify/follow.h"

#include <algorithm>
#include <variant>

#include "compiler/verify/checks.h"
#include "compiler/verify/limits.h"

namespace pprun {

FollowContext::FollowContext(const Plan& whole, const std::vector<Segments>& cut, Findings& wrong,
                             Findings& incomplete)
    : plan(whole),
      segments(cut),
      makers(whole),
      sums(whole, gradients),
      uses(whole),
      data_flow(wrong),
      completeness(incomplete) {
  for (const Function& function : plan.functions) {
    flows.push_back(FlowOf(function));
    fits_last.emplace_back(function.arguments.size());
  }
  for (const Parameter& parameter : plan.parameters) {
    parameter_bytes.push_back(parameter.type.Bytes());
  }
  size_t size = 0;
  for (const Position& position : plan.positions) {
    size += position.bindings.size() + position.square_sums.size() + position.updates.size();
    for (const Program& program : position.programs) size += program.instructions.size();
  }
  work_limit = WorkLimit(size);
}

ParameterId FollowContext::ParameterIn(Value value, int64_t bytes) const {
  const bool rounded = value.kind() == ValueKind::kRoundedParameter;
  if (!rounded && value.kind() != ValueKind::kParameter) return {};
  const int64_t whole = parameter_bytes[static_cast<size_t>(value.index())];
  // f32 to bf16.
  if (bytes * (rounded ? 2 : 1) != whole) return {};
  return ParameterId(value.index());
}

Follower::Follower(FollowContext& context, ProgramKind program, Memory memory)
    : context_(context), program_(program) {
  done_.memory = std::move(memory);
  size_t instructions = 0;
  for (const Position& position : context.plan.positions) {
    instructions += position.programs[static_cast<size_t>(program)].instructions.size();
  }
  done_.tasks.reserve(instructions);
  for (const Segments& segments : context.segments) read_.emplace_back(segments.lists());
}

Followed Follower::Run() {
  RunMachine(plan(), program_, StreamView::kMerged, 1,
             [this](std::span<const Site> sites) { OnRun(sites); });
  return std::move(done_);
}

void Follower::OnRun(std::span<const Site> sites) {
  if (context_.data_flow.full()) return;
  site_ = sites.front();
  const Instruction& instruction = InstructionAt(plan(), program_, site_);
  if (std::holds_alternative<Record>(instruction.operands) ||
      std::holds_alternative<Wait>(instruction.operands)) {
    return;
  }
  // No plan of a compiler comes near; one made to waste time is refused at the end.
  if (context_.work > context_.work_limit) return;
  if (sites.size() == 1) return Visit(*this, instruction.operands);
  if (std::holds_alternative<Send>(instruction.operands)) return Transfer(sites[0], sites[1]);
  CollectiveAcross(sites);
}

std::vector<ValuePiece> Follower::Read(PositionId position, Span span) {
  std::vector<ValuePiece> pieces = memory(position).Read(span);
  context_.work += span.end - span.begin + static_cast<int64_t>(pieces.size());
  return pieces;
}

std::string Follower::Describe(const std::vector<ValuePiece>& pieces) const {
  std::string text;
  for (const ValuePiece& piece : pieces) {
    if (text.size() > 200) return text + " and more";
    if (!text.empty()) text += ", then ";
    if (piece.offset != 0) text += "a later part of ";
    text += Describe(piece.value);
  }
  return text;
}

void Follower::Fail(Findings& findings, const std::string& what) {
  const FindingKind kind =
      &findings == &context_.completeness ? FindingKind::kCompleteness : FindingKind::kDataFlow;
  findings.Add(kind, NameOf(plan(), program_, site_) + " " + what,
               InstructionAt(plan(), program_, site_).source);
}

bool IsGradientInPlace(const std::vector<ValuePiece>& pieces) {
  return std::ranges::all_of(pieces, [](const ValuePiece& piece) {
    return IsGradient(piece.value) && (!HasBeginning(piece.value) || piece.offset == piece.begin);
  });
}

// Joined by its recv, or by the other members of its group: OnRun sees to that.
void Follower::operator()(const Send&) {}
void Follower::operator()(const Recv&) {}

void Follower::Transfer(const Site& from, const Site& to) {
  const Send& send = std::get<Send>(InstructionAt(plan(), program_, from).operands);
  const Recv& recv = std::get<Recv>(InstructionAt(plan(), program_, to).operands);
  const Span source = SpanOf(from.position, send.source);
  const Span target = SpanOf(to.position, recv.target);
  const Value value = memory(from.position).Whole(source);
  const bool sound =
      (value.kind() == ValueKind::kActivation || value.kind() == ValueKind::kActivationGradient) &&
      value.number() == send.microbatch.value;
  if (sound) {
    context_.work += source.end - source.begin + target.end - target.begin;
    return memory(to.position).Fill(target, value);
  }
  const std::vector<ValuePiece> pieces = Read(from.position, source);
  Fail(context_.data_flow,
       "sends " + Describe(pieces) + " as microbatch " + std::to_string(send.microbatch.value));
  memory(to.position).Write(target, pieces);
}

void Follower::operator()(const Load& load) {
  const ValueKind kind =
      load.what == Load::What::kTokens ? ValueKind::kTokens : ValueKind::kTargets;
  Fill(SpanOf(load.target), OfMicrobatch(kind, load.microbatch));
}

void Follower::operator()(const Initialise& initialise) {
  done_.initialised.push_back({site_.position, initialise.parameter, site_});
  Fill(SpanOf(initialise.target), OfParameter(ValueKind::kParameter, initialise.parameter));
}

void Follower::operator()(const Zero& zero) { Fill(SpanOf(zero.target), Value(ValueKind::kZero)); }

// A parameter is followed when it is rounded, other values while their type stays.
void Follower::operator()(const Cast& cast) {
  const Value value = memory().Whole(SpanOf(cast.source));
  const auto type_of = [&](BufferId id) { return position().buffers[id.index()].type.dtype; };
  const auto made = [&] {
    if (value.kind() == ValueKind::kNothing) return Value(ValueKind::kScratch);
    if (type_of(cast.source) == type_of(cast.target)) return value;
    const bool rounds = type_of(cast.target) == DType::kBF16;
    if (rounds && value.kind() == ValueKind::kParameter) {
      return Value(ValueKind::kRoundedParameter, value.index());
    }
    if (rounds && value.kind() == ValueKind::kUpdatedParameter) {
      return Value(ValueKind::kUpdatedRounded, value.index());
    }
    return Value(ValueKind::kScratch);
  };
  Fill(SpanOf(cast.target), made());
}

void Follower::operator()(const Add& add) {
  const Span target = SpanOf(add.target);
  const std::vector<ValuePiece> added = Read(SpanOf(add.source));
  const std::vector<ValuePiece> before = Read(target);
  if (!IsGradientInPlace(added) || !IsGradientInPlace(before)) {
    Fail(context_.data_flow, "adds " + Describe(added) + " to " + Describe(before));
    return Fill(target, Value(ValueKind::kScratch));
  }
  // Where either changes, the sum does.
  std::vector<ValuePiece> sums;
  size_t a = 0, b = 0;
  for (int64_t at = 0; a < added.size() && b < before.size();) {
    const int64_t end = std::min(added[a].end, before[b].end);
    const std::array<Value, 2> terms = {before[b].value, added[a].value};
    const Value sum = context_.gradients.Sum(0, terms);
    sums.push_back({at, end, sum, HasBeginning(sum) ? at : 0});
    if (added[a].end == end) ++a;
    if (before[b].end == end) ++b;
    at = end;
  }
  memory().Write(target, sums);
}

// What a shift along an axis leaves is not followed: nothing that reads it is proven.
void Follower::operator()(const Permute& permute) {
  Fill(SpanOf(permute.target), Value(ValueKind::kScratch));
}

void Follower::operator()(const Record&) {}
void Follower::operator()(const Wait&) {}

namespace {

// Which parameter each use of the step's forward runs is of, from where `initialise` put them.
void FindUses(FollowContext& context, const Memory& initialised) {
  const Plan& plan = context.plan;
  // Each layer goes forward once a microbatch, as a rule by the same function.
  std::vector<FunctionId> seen(plan.layers.size());
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const Position& position = plan.positions[p];
    for (const Instruction& instruction :
         position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr || run->kind != TaskKind::kForward) continue;
      if (seen[run->layer.index()] == run->function) continue;
      seen[run->layer.index()] = run->function;
      size_t binding = static_cast<size_t>(run->first_binding);
      for (const Argument& argument : plan.functions[run->function.index()].arguments) {
        const BufferId buffer = position.bindings[binding++];
        const ParameterUseSite use{run->layer, argument.ordinal};
        if (argument.role != Role::kParameter || context.uses.Find(use).valid()) continue;
        const ParameterId parameter = context.ParameterIn(
            initialised[p].Whole(context.segments[p].Of(buffer, argument.bytes)), argument.bytes);
        if (parameter.valid()) context.uses.Add(use, parameter);
      }
    }
  }
  context.uses.CollectOfParameters();
}

// A plan that never trains may be one of inference: its step is held to what validation is.
bool GoesForward(const Followed& step) {
  return std::ranges::all_of(step.tasks,
                             [](const TaskDone& task) { return task.kind == TaskKind::kForward; });
}

}  // namespace

void FollowValues(const Plan& plan, const std::vector<Segments>& segments, Findings& data_flow,
                  Findings& completeness) {
  FollowContext context(plan, segments, data_flow, completeness);
  Memory blank;
  for (const Segments& of_position : segments) blank.emplace_back(of_position);
  const Followed made = Follower(context, ProgramKind::kInitialise, std::move(blank)).Run();
  CheckInitialised(context, made);
  Memory start;
  for (const Contents& contents : made.memory) start.push_back(contents.OnlyPersistent());
  FindUses(context, start);
  const Followed step = Follower(context, ProgramKind::kStep, start).Run();
  if (plan.train.steps == 0 && GoesForward(step)) {
    CheckForwardOnly(context, ProgramKind::kStep, step);
  } else {
    CheckStep(context, start, step);
  }
  CheckForwardOnly(context, ProgramKind::kValidate,
                   Follower(context, ProgramKind::kValidate, std::move(start)).Run());
  if (context.work > context.work_limit) {
    data_flow.Add(FindingKind::kDataFlow, "the plan's buffers hold more than can be followed");
  }
}

}  // namespace pprun
