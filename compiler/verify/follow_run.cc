// What a run reads and leaves: each argument's role says which value it is meant to be, given the
// run's layer and microbatch. Layers form a chain in the order of Plan::layers.
#include <variant>

#include "compiler/verify/follow.h"

namespace pprun {
namespace {

LayerId Before(LayerId layer) { return LayerId(int64_t{layer.value} - 1); }

// The saved region that an argument of this role is; kNothing if it is none.
constexpr ValueKind SavedAs(Role role) {
  switch (role) {
    case Role::kFrameInput:
      return ValueKind::kFrameInput;
    case Role::kFrameWeight:
      return ValueKind::kFrameWeight;
    case Role::kStash:
      return ValueKind::kStash;
    case Role::kParameter:
    case Role::kGradient:
    case Role::kInput:
    case Role::kOutput:
    case Role::kOutputGradient:
    case Role::kInputGradient:
    case Role::kTokens:
    case Role::kTargets:
    case Role::kLoss:
    case Role::kWorkspace:
      break;
  }
  return ValueKind::kNothing;
}

Role RoleOf(ValueKind saved) {
  if (saved == ValueKind::kFrameInput) return Role::kFrameInput;
  return saved == ValueKind::kFrameWeight ? Role::kFrameWeight : Role::kStash;
}

}  // namespace

// What an argument that is no saved region holds when it is read, or once it is written.
Value Follower::Expected(const struct Run& run, Role role) const {
  switch (role) {
    case Role::kTokens:
      return OfMicrobatch(ValueKind::kTokens, run.microbatch);
    case Role::kTargets:
      return OfMicrobatch(ValueKind::kTargets, run.microbatch);
    case Role::kLoss:
      return OfMicrobatch(ValueKind::kLoss, run.microbatch);
    case Role::kInput:
      return OfLayer(ValueKind::kActivation, Before(run.layer), run.microbatch);
    case Role::kOutput:
      return OfLayer(ValueKind::kActivation, run.layer, run.microbatch);
    case Role::kOutputGradient:
      return OfLayer(ValueKind::kActivationGradient, run.layer, run.microbatch);
    case Role::kInputGradient:
      return OfLayer(ValueKind::kActivationGradient, Before(run.layer), run.microbatch);
    case Role::kFrameInput:
    case Role::kFrameWeight:
    case Role::kStash:
    case Role::kParameter:
    case Role::kGradient:
    case Role::kWorkspace:
      break;
  }
  return Value(ValueKind::kScratch);
}

void Follower::operator()(const struct Run& run) {
  const std::vector<Argument>& arguments = plan().functions[run.function.index()].arguments;
  const BufferId* buffers = position().bindings.data() + run.first_binding;
  const Segments& segments = context_.segments[site_.position.index()];
  const Footprint of_layer = segments.Of(program_, site_.instruction);
  const size_t listed = of_layer.arguments.size(), count = arguments.size();
  done_.tasks.push_back({run.layer, run.microbatch, run.kind, site_});
  ReadParameters(run, of_layer);
  for (size_t i = listed; i < count; ++i) {
    if (arguments[i].access != Access::kRead) continue;
    CheckRead(run, i, segments.Of(buffers[i], arguments[i].bytes));
  }
  AddGradients(run, of_layer);
  for (size_t i = listed; i < count; ++i) {
    const Argument& argument = arguments[i];
    if (argument.access == Access::kRead) continue;
    const Span span = segments.Of(buffers[i], argument.bytes);
    if (argument.access == Access::kAccumulate) {
      Contribute(run, argument, span);
      continue;
    }
    const ValueKind saved = SavedAs(argument.role);
    Fill(span, saved == ValueKind::kNothing
                   ? Expected(run, argument.role)
                   : context_.makers.Made(saved, run.layer, run.function, run.microbatch));
  }
}

void Follower::CheckRead(const struct Run& run, size_t argument, Span span) {
  const Argument& what = plan().functions[run.function.index()].arguments[argument];
  if (what.role == Role::kParameter) {
    CheckParameterRead(run, what, span);
    return;
  }
  const ValueKind saved = SavedAs(what.role);
  if (saved != ValueKind::kNothing) return CheckSaved(run, argument, span, saved);
  const Value expected = Expected(run, what.role);
  context_.work += span.end - span.begin;
  if (!memory().Holds(span, expected)) Expect(span, expected, std::string(Name(what.role)));
}

// Nothing to find where a run has read the same ones for its layer, and they are as they were.
void Follower::ReadParameters(const struct Run& run, const Footprint& of_layer) {
  ParametersRead& read = read_[site_.position.index()][of_layer.list];
  const int64_t writes = memory().ParameterWrites();
  if (read.layer == run.layer && read.writes == writes) return;
  const std::vector<Argument>& arguments = plan().functions[run.function.index()].arguments;
  bool sound = true;
  for (size_t i = 0; i < of_layer.arguments.size(); ++i) {
    if (arguments[i].role != Role::kParameter) continue;
    const Span span = of_layer.arguments[i];
    sound = CheckParameterRead(run, arguments[i], span) && memory().IsOfParameters(span) && sound;
  }
  if (sound) read = {run.layer, writes};
}

bool Follower::CheckParameterRead(const struct Run& run, const Argument& argument, Span span) {
  context_.work += span.end - span.begin;
  const ParameterUseSite use{run.layer, argument.ordinal};
  const ParameterId known = context_.uses.Find(use);
  const Value value = memory().Whole(span);
  const ParameterId read = context_.ParameterIn(value, argument.bytes);
  if (read.valid() && read == known) return true;
  const auto number = [&] { return "parameter " + std::to_string(argument.ordinal); };
  if (!read.valid()) {
    Fail(context_.data_flow, "reads " + Describe(Read(span)) + " as " + number());
    return false;
  }
  if (!known.valid()) {
    context_.uses.Add(use, read);
    return true;
  }
  Fail(context_.data_flow, "reads " + Describe(Read(span)) + " as " + number() +
                               ", where another run of the layer reads `" +
                               plan().parameters[known.index()].name + "`");
  return false;
}

// A region that another run of this layer saved for this microbatch.
void Follower::CheckSaved(const struct Run& run, size_t argument, Span span, ValueKind kind) {
  context_.work += span.end - span.begin;
  const Value value = memory().Whole(span);
  if (value.kind() == kind && value.number() == run.microbatch.value &&
      context_.makers[value.index()].layer == run.layer) {
    return CheckRegion(run, argument, value);
  }
  const Value wanted = context_.makers.Made(kind, run.layer, run.function, run.microbatch);
  Fail(context_.data_flow, "reads " + Describe(Read(span)) + " as " +
                               std::string(Name(RoleOf(kind))) + ", not " + Describe(wanted));
}

// What the run reads of a saved region is what its maker wrote there.
void Follower::CheckRegion(const struct Run& run, size_t argument, Value made) {
  const FunctionId by = context_.makers[made.index()].function;
  FunctionId& last = context_.fits_last[run.function.index()][argument];
  if (last == by) return;
  last = by;
  if (!context_.fits.insert({by, run.function, argument}).second) return;
  const Function& maker = plan().functions[by.index()];
  const std::vector<ArgumentFlow>& flows = context_.flows[by.index()];
  for (size_t i = 0; i < maker.arguments.size(); ++i) {
    if (maker.arguments[i].role != RoleOf(made.kind())) continue;
    const ArgumentFlow& reader = context_.flows[run.function.index()][argument];
    if (flows[i].written.Contains(reader.needed)) return;
  }
  Fail(context_.data_flow,
       "reads bytes of " + Describe(made) + " that `" + maker.name + "` does not write");
}

// The gradients of a layer have one history, as a rule: what the last one became, the next becomes.
void Follower::AddGradients(const struct Run& run, const Footprint& of_layer) {
  const Argument* argument = plan().functions[run.function.index()].arguments.data();
  Contents& contents = memory();
  // Of the last gradient, if one like it is of its node alone: what it was and is but for the
  // ordinal. None: nothing holds them.
  constexpr int32_t kNone = -1;
  int32_t before = kNone, after = kNone;
  for (const Span span : of_layer.arguments) {
    const Argument& gradient = *argument++;
    if (gradient.role != Role::kGradient) continue;
    const auto own = [&](int32_t node) {
      return Value(ValueKind::kGradient, node, gradient.ordinal);
    };
    const bool alike = before != kNone && gradient.ordinal < kInherited;
    if (alike && contents.Replace(span, own(before), own(after))) {
      context_.work += span.end - span.begin;
      continue;
    }
    const Value old = contents.Whole(span);
    Contribute(run, gradient, span);
    const Value sum = contents.Whole(span);
    const bool of_one_node =
        gradient.ordinal < kInherited && old == own(old.index()) && sum == own(sum.index());
    before = of_one_node ? old.index() : kNone;
    after = sum.index();
  }
}

void Follower::Contribute(const struct Run& run, const Argument& argument, Span span) {
  const auto contribute = [&](Value before) {
    return context_.gradients.Contribute(run.layer, run.microbatch, argument.ordinal, before);
  };
  const Value whole = memory().Whole(span);
  if (IsGradient(whole)) return Fill(span, contribute(whole));
  std::vector<ValuePiece> pieces = Read(span);
  if (!IsGradientInPlace(pieces)) {
    Fail(context_.data_flow, "adds a gradient of parameter " + std::to_string(argument.ordinal) +
                                 " to " + Describe(pieces));
    return Fill(span, Value(ValueKind::kScratch));
  }
  for (ValuePiece& piece : pieces) {
    piece.value = contribute(piece.value);
    piece.offset = piece.begin;
  }
  memory().Write(span, pieces);
}

}  // namespace pprun
