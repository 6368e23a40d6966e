// What a run reads and leaves: each argument's role says which value it is meant to be, given the
// run's layer and microbatch. Layers form a chain in the order of Plan::layers.
#include <variant>

#include "compiler/verify/follow.h"

namespace pprun {
namespace {

LayerId Before(LayerId layer) { return LayerId(int64_t{layer.value} - 1); }

bool IsSaved(Role role) {
  return role == Role::kFrameInput || role == Role::kFrameWeight || role == Role::kStash;
}

}  // namespace

// What the argument holds when it is read, or once it is written.
Value Follower::Expected(const struct Run& run, const Argument& argument) const {
  Value value{.layer = run.layer, .microbatch = run.microbatch};
  switch (argument.role) {
    case Role::kTokens:
      return {.kind = Value::Kind::kTokens, .microbatch = run.microbatch};
    case Role::kTargets:
      return {.kind = Value::Kind::kTargets, .microbatch = run.microbatch};
    case Role::kLoss:
      return {.kind = Value::Kind::kLoss, .microbatch = run.microbatch};
    case Role::kInput:
      value.kind = Value::Kind::kActivation;
      value.layer = Before(run.layer);
      return value;
    case Role::kOutput:
      value.kind = Value::Kind::kActivation;
      return value;
    case Role::kOutputGradient:
      value.kind = Value::Kind::kActivationGradient;
      return value;
    case Role::kInputGradient:
      value.kind = Value::Kind::kActivationGradient;
      value.layer = Before(run.layer);
      return value;
    case Role::kFrameInput:
    case Role::kFrameWeight:
    case Role::kStash:
      value.kind = Value::Kind::kSaved;
      value.role = argument.role;
      value.function = run.function;
      return value;
    case Role::kParameter:
    case Role::kGradient:
    case Role::kWorkspace:
      break;
  }
  return {};
}

Range Follower::BindingOf(const struct Run& run, size_t argument) const {
  const BufferId id = position().bindings[static_cast<size_t>(run.first_binding) + argument];
  const Buffer& buffer = position().buffers[id.index()];
  const int64_t bytes = plan().functions[run.function.index()].arguments[argument].bytes;
  return {buffer.arena, buffer.offset, buffer.offset + bytes};
}

void Follower::operator()(const struct Run& run) {
  const std::vector<Argument>& arguments = plan().functions[run.function.index()].arguments;
  done_.tasks.push_back({run.layer, run.microbatch, run.kind, site_});
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].access != Access::kRead) continue;
    const Range range = BindingOf(run, i);
    if (arguments[i].role == Role::kParameter) {
      CheckParameterRead(run, arguments[i], range);
      continue;
    }
    const Value* value =
        Expect(range, Expected(run, arguments[i]), std::string(Name(arguments[i].role)));
    if (value != nullptr && IsSaved(arguments[i].role)) CheckRegion(run, i, *value);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Range range = BindingOf(run, i);
    if (arguments[i].access == Access::kWrite) Write(range, Expected(run, arguments[i]));
    if (arguments[i].access == Access::kAccumulate) Contribute(run, arguments[i], range);
  }
}

void Follower::CheckParameterRead(const struct Run& run, const Argument& argument,
                                  const Range& range) {
  const std::vector<Piece> pieces = Read(range);
  const Value* value = Whole(pieces);
  const std::string number = "parameter " + std::to_string(argument.ordinal);
  if (value == nullptr || value->kind != Value::Kind::kParameter ||
      plan().parameters[value->parameter.index()].type.Bytes() != argument.bytes) {
    return Fail(context_.data_flow, "reads " + Describe(pieces) + " as " + number);
  }
  const auto [known, added] = context_.uses.parameter_of.try_emplace(
      ParameterUseSite{run.layer, argument.ordinal}, value->parameter);
  if (!added && known->second != value->parameter) {
    Fail(context_.data_flow, "reads " + Describe(pieces) + " as " + number +
                                 ", where another run of the layer reads `" +
                                 plan().parameters[known->second.index()].name + "`");
  }
}

// What the run reads of a saved region is what its maker wrote there.
void Follower::CheckRegion(const struct Run& run, size_t argument, const Value& made) {
  if (!context_.fits.insert({made.function, run.function, argument}).second) return;
  const Function& maker = plan().functions[made.function.index()];
  const std::vector<ArgumentFlow>& flows = context_.flows[made.function.index()];
  for (size_t i = 0; i < maker.arguments.size(); ++i) {
    if (maker.arguments[i].role != made.role) continue;
    const ArgumentFlow& reader = context_.flows[run.function.index()][argument];
    if (flows[i].written.Contains(reader.needed)) return;
  }
  Fail(context_.data_flow, "reads bytes of " + pprun::Describe(plan(), made) + " that `" +
                               maker.name + "` does not write");
}

void Follower::Contribute(const struct Run& run, const Argument& argument, const Range& range) {
  const std::vector<Piece> pieces = Read(range);
  if (!IsGradientInPlace(pieces)) {
    Fail(context_.data_flow, "adds a gradient of parameter " + std::to_string(argument.ordinal) +
                                 " to " + Describe(pieces));
    return Write(range, {});
  }
  for (const Piece& piece : pieces) {
    const ValueIndex sum = context_.values.Add({.kind = Value::Kind::kContribution,
                                                .layer = run.layer,
                                                .microbatch = run.microbatch,
                                                .ordinal = argument.ordinal,
                                                .before = piece.value});
    MapOf(site_.position, range)
        .Write(range.begin + piece.begin, range.begin + piece.end, sum, piece.begin);
  }
}

}  // namespace pprun
