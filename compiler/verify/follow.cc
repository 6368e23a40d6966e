#include "compiler/verify/follow.h"

#include <algorithm>
#include <variant>

#include "compiler/verify/checks.h"
#include "compiler/verify/limits.h"
#include "compiler/verify/segments.h"

namespace pprun {

Follower::Follower(FollowContext& context, ProgramKind program, Memory memory)
    : context_(context), program_(program) {
  done_.memory = std::move(memory);
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
  // No plan of a compiler comes near; one made to waste time is refused at the end.
  if (context_.work > context_.work_limit) return;
  if (sites.size() == 1) return std::visit(*this, instruction.operands);
  if (std::holds_alternative<Send>(instruction.operands)) return Transfer(sites[0], sites[1]);
  CollectiveAcross(sites);
}

Range Follower::RangeOf(PositionId position, BufferId id) const {
  const Buffer& buffer = plan().positions[position.index()].buffers[id.index()];
  return {buffer.arena, buffer.offset, buffer.offset + buffer.type.Bytes()};
}

ValueMap& Follower::MapOf(PositionId position, const Range& range) {
  return done_.memory[position.index()][static_cast<size_t>(range.arena)];
}

std::vector<Piece> Follower::Read(PositionId position, const Range& range) {
  std::vector<Piece> pieces =
      RelativeTo(range.begin, MapOf(position, range).Read(range.begin, range.end));
  context_.work += static_cast<int64_t>(pieces.size());
  return pieces;
}

void Follower::Write(const Range& range, Value value) {
  MapOf(site_.position, range).Write(range.begin, range.end, context_.values.Add(std::move(value)));
}

void Follower::WriteAll(PositionId position, const Range& range, const std::vector<Piece>& pieces) {
  MapOf(position, range).WriteAll(range.begin, pieces);
}

const Value* Follower::Whole(const std::vector<Piece>& pieces) const {
  if (pieces.size() != 1 || pieces[0].value == kNoValue) return nullptr;
  const Value& value = context_.values[pieces[0].value];
  // Zeros have no beginning.
  return pieces[0].offset == 0 || value.kind == Value::Kind::kZero ? &value : nullptr;
}

std::string Follower::Describe(const std::vector<Piece>& pieces) const {
  std::string text;
  for (const Piece& piece : pieces) {
    if (text.size() > 200) return text + " and more";
    if (!text.empty()) text += ", then ";
    if (piece.value == kNoValue) {
      text += "nothing";
      continue;
    }
    const Value& value = context_.values[piece.value];
    if (piece.offset != 0 && value.kind != Value::Kind::kZero) text += "a later part of ";
    text += pprun::Describe(plan(), value);
  }
  return text;
}

void Follower::Fail(Findings& findings, const std::string& what) {
  const FindingKind kind =
      &findings == &context_.completeness ? FindingKind::kCompleteness : FindingKind::kDataFlow;
  findings.Add(kind, NameOf(plan(), program_, site_) + " " + what,
               InstructionAt(plan(), program_, site_).source);
}

const Value* Follower::Expect(const Range& range, const Value& wanted, const std::string& what) {
  const std::vector<Piece> pieces = Read(range);
  const Value* value = Whole(pieces);
  if (value != nullptr && value->kind == wanted.kind && value->layer == wanted.layer &&
      value->microbatch == wanted.microbatch && value->parameter == wanted.parameter &&
      value->role == wanted.role) {
    return value;
  }
  Fail(context_.data_flow,
       "reads " + Describe(pieces) + " as " + what + ", not " + pprun::Describe(plan(), wanted));
  return nullptr;
}

bool Follower::IsGradientInPlace(const std::vector<Piece>& pieces) const {
  return std::ranges::all_of(pieces, [&](const Piece& piece) {
    if (piece.value == kNoValue) return false;
    const Value& value = context_.values[piece.value];
    return IsGradient(value) && (value.kind == Value::Kind::kZero || piece.offset == piece.begin);
  });
}

void Follower::CheckGradient(ParameterId parameter, const Range& range,
                             GradientExpectation::Scaled scaled) {
  const std::vector<Piece> pieces = Read(range);
  const std::string name = "`" + plan().parameters[parameter.index()].name + "`";
  if (!IsGradientInPlace(pieces)) {
    return Fail(context_.data_flow, "reads " + Describe(pieces) + " as the gradient of " + name);
  }
  const GradientExpectation expected{
      .uses = context_.uses.of[parameter.index()],
      .microbatches = plan().train.microbatches,
      .sum_over = AxisBits(plan(), plan().parameters[parameter.index()].sum_over),
      .scaled = scaled};
  for (const Piece& piece : pieces) {
    context_.work += static_cast<int64_t>(expected.uses.size()) * expected.microbatches;
    if (context_.work > context_.work_limit) return;
    const auto problem = GradientProblem(plan(), context_.values, piece.value, expected);
    if (!problem) continue;
    return Fail(context_.completeness, "uses a gradient of " + name + " that " + *problem);
  }
}

// Joined by its recv, or by the other members of its group: OnRun sees to that.
void Follower::operator()(const Send&) {}
void Follower::operator()(const Recv&) {}

void Follower::Transfer(const Site& from, const Site& to) {
  const Send& send = std::get<Send>(InstructionAt(plan(), program_, from).operands);
  const Recv& recv = std::get<Recv>(InstructionAt(plan(), program_, to).operands);
  const std::vector<Piece> pieces = Read(from.position, RangeOf(from.position, send.source));
  const Value* value = Whole(pieces);
  const bool sound = value != nullptr &&
                     (value->kind == Value::Kind::kActivation ||
                      value->kind == Value::Kind::kActivationGradient) &&
                     value->microbatch == send.microbatch;
  if (!sound) {
    Fail(context_.data_flow,
         "sends " + Describe(pieces) + " as microbatch " + std::to_string(send.microbatch.value));
  }
  WriteAll(to.position, RangeOf(to.position, recv.target), pieces);
}

void Follower::operator()(const Load& load) {
  Write(RangeOf(load.target),
        {.kind = load.what == Load::What::kTokens ? Value::Kind::kTokens : Value::Kind::kTargets,
         .microbatch = load.microbatch});
}

void Follower::operator()(const Initialise& initialise) {
  done_.initialised.push_back({site_.position, initialise.parameter, site_});
  Write(RangeOf(initialise.target),
        {.kind = Value::Kind::kParameter, .parameter = initialise.parameter});
}

void Follower::operator()(const Zero& zero) {
  Write(RangeOf(zero.target), {.kind = Value::Kind::kZero});
}

void Follower::operator()(const Cast& cast) {
  const Value* value = Whole(Read(RangeOf(cast.source)));
  Write(RangeOf(cast.target), value == nullptr ? Value{} : Value(*value));
}

void Follower::operator()(const Add& add) {
  const Range target = RangeOf(add.target);
  const std::vector<Piece> added = Read(RangeOf(add.source));
  const std::vector<Piece> before = Read(target);
  if (!IsGradientInPlace(added) || !IsGradientInPlace(before)) {
    Fail(context_.data_flow, "adds " + Describe(added) + " to " + Describe(before));
    return Write(target, {});
  }
  // Where either changes, the sum does.
  size_t a = 0, b = 0;
  for (int64_t at = 0; a < added.size() && b < before.size();) {
    const int64_t end = std::min(added[a].end, before[b].end);
    const ValueIndex sum = context_.values.Add(
        {.kind = Value::Kind::kSum, .children = {before[b].value, added[a].value}});
    MapOf(site_.position, target).Write(target.begin + at, target.begin + end, sum, at);
    if (added[a].end == end) ++a;
    if (before[b].end == end) ++b;
    at = end;
  }
}

void Follower::operator()(const Scale& scale) {
  const std::vector<Piece> factor = Read(RangeOf(scale.factor));
  const Value* value = Whole(factor);
  if (value == nullptr || value->kind != Value::Kind::kClipFactor) {
    return Fail(context_.data_flow, "scales by " + Describe(factor) + ", not by the clip factor");
  }
  const Range target = RangeOf(scale.target);
  for (const Piece& piece : Read(target)) {
    const ValueIndex scaled =
        context_.values.Add({.kind = Value::Kind::kScaled, .before = piece.value});
    MapOf(site_.position, target)
        .Write(target.begin + piece.begin, target.begin + piece.end, scaled, piece.offset);
  }
}

void Follower::operator()(const SquareSum& sum) {
  CheckGradient(sum.parameter, RangeOf(sum.gradient), GradientExpectation::Scaled::kNo);
  Write(RangeOf(sum.partials), {.kind = Value::Kind::kPartials, .parameter = sum.parameter});
}

// Every block of every parameter, once and in order.
void Follower::operator()(const ClipFactor& clip) {
  const std::vector<Piece> partials = Read(RangeOf(clip.partials));
  Write(RangeOf(clip.target), {.kind = Value::Kind::kClipFactor});
  const std::vector<NormBlocks>& order = plan().norm_order;
  constexpr const char* kMore = "adds more to the norm than there is";
  const auto name = [&](int64_t block, size_t parameter) {
    return "block " + std::to_string(block) + " of `" + plan().parameters[parameter].name + "`";
  };
  for (size_t p = 0; p < plan().parameters.size(); ++p) {
    const int64_t elements = plan().parameters[p].type.shape.Elements();
    const int64_t count = (elements + kNormBlockElements - 1) / kNormBlockElements;
    const int64_t listed = p < order.size() ? order[p].count : 0;
    if (listed < count) {
      return Fail(context_.completeness, "leaves " + name(listed, p) + " out of the norm");
    }
    if (listed > count) return Fail(context_.completeness, kMore);
    const int64_t begin = int64_t{8} * order[p].first;
    const int64_t end = begin + 8 * count;
    auto piece = std::ranges::upper_bound(partials, begin, {}, &Piece::end);
    for (int64_t at = begin; at < end; at = piece->end, ++piece) {
      const bool sound = piece->value != kNoValue &&
                         context_.values[piece->value].kind == Value::Kind::kPartials &&
                         context_.values[piece->value].parameter.index() == p &&
                         piece->offset + (at - piece->begin) == at - begin;
      if (sound && order[p].parameter.index() == p) continue;
      return Fail(context_.completeness,
                  "adds something else to the norm in the place of " + name((at - begin) / 8, p));
    }
  }
  if (order.size() > plan().parameters.size()) Fail(context_.completeness, kMore);
}

void Follower::operator()(const Update& update) {
  done_.updated.push_back({site_.position, update.parameter, site_});
  const auto scaled = plan().train.optimizer.clip > 0 ? GradientExpectation::Scaled::kYes
                                                      : GradientExpectation::Scaled::kNo;
  CheckGradient(update.parameter, RangeOf(update.gradient), scaled);
  Expect(RangeOf(update.value), {.kind = Value::Kind::kParameter, .parameter = update.parameter},
         "the value");
  const auto moment = [&](BufferId buffer, Value::Kind kind, const char* what) {
    if (!buffer.valid()) return;
    const Value* held = Whole(Read(RangeOf(buffer)));
    if (held == nullptr || held->kind != Value::Kind::kZero) {
      Expect(RangeOf(buffer), {.kind = kind, .parameter = update.parameter}, what);
    }
    Write(RangeOf(buffer), {.kind = kind, .parameter = update.parameter});
  };
  Write(RangeOf(update.value),
        {.kind = Value::Kind::kUpdatedParameter, .parameter = update.parameter});
  moment(update.first_moment, Value::Kind::kFirstMoment, "the first moment");
  moment(update.second_moment, Value::Kind::kSecondMoment, "the second moment");
}

// What a shift along an axis leaves is not followed: nothing that reads it is proven.
void Follower::operator()(const Permute& permute) { Write(RangeOf(permute.target), {}); }

void Follower::operator()(const Record&) {}
void Follower::operator()(const Wait&) {}

namespace {

// Which parameter each use of the step's forward runs is of, from where `initialise` put them.
ParameterUses FindUses(const Plan& plan, const Values& values, const Memory& initialised) {
  ParameterUses uses;
  uses.of.resize(plan.parameters.size());
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const Position& position = plan.positions[p];
    for (const Instruction& instruction :
         position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr || run->kind != TaskKind::kForward) continue;
      size_t binding = static_cast<size_t>(run->first_binding);
      for (const Argument& argument : plan.functions[run->function.index()].arguments) {
        const Buffer& buffer = position.buffers[position.bindings[binding++].index()];
        const ParameterUseSite use{run->layer, argument.ordinal};
        if (argument.role != Role::kParameter || uses.parameter_of.contains(use)) continue;
        const std::vector<Piece> pieces = initialised[p][static_cast<size_t>(buffer.arena)].Read(
            buffer.offset, buffer.offset + 1);
        if (pieces[0].value == kNoValue) continue;
        const Value& value = values[pieces[0].value];
        if (value.kind != Value::Kind::kParameter) continue;
        uses.parameter_of.emplace(use, value.parameter);
        uses.of[value.parameter.index()].push_back(use);
      }
    }
  }
  for (auto& of_one : uses.of) std::ranges::sort(of_one);
  return uses;
}

// What `step` and `validate` start with.
Memory OnlyPersistent(const Memory& memory) {
  Memory kept(memory.size());
  for (size_t p = 0; p < memory.size(); ++p) {
    for (size_t arena = 0; arena < memory[p].size(); ++arena) {
      if (Persists(static_cast<ArenaKind>(arena))) kept[p][arena] = memory[p][arena];
    }
  }
  return kept;
}

}  // namespace

void FollowValues(const Plan& plan, Findings& data_flow, Findings& completeness) {
  FollowContext context{.plan = plan,
                        .values = {},
                        .uses = {},
                        .flows = {},
                        .fits = {},
                        .data_flow = data_flow,
                        .completeness = completeness};
  for (const Function& function : plan.functions) context.flows.push_back(FlowOf(function));
  size_t size = 0;
  for (const Position& position : plan.positions) {
    size += position.bindings.size();
    for (const Program& program : position.programs) size += program.instructions.size();
  }
  context.work_limit = WorkLimit(size);

  const Followed made =
      Follower(context, ProgramKind::kInitialise, Memory(plan.positions.size())).Run();
  CheckInitialised(context, made);
  const Memory start = OnlyPersistent(made.memory);
  context.uses = FindUses(plan, context.values, start);
  CheckStep(context, Follower(context, ProgramKind::kStep, start).Run());
  CheckValidate(context, Follower(context, ProgramKind::kValidate, start).Run());
  if (context.work > context.work_limit) {
    data_flow.Add(FindingKind::kDataFlow, "the plan's buffers hold more than can be followed");
  }
}

}  // namespace pprun
