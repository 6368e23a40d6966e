// Every position gets a buffer for each parameter of its layers and for the gradient of each of its
// uses, and makes the values.
//
// Where functions read a parameter in another type than its own (bf16), what they read is a rounded
// copy among the parameters, and the value itself stands with the optimizer's state, which alone
// works on it.
//
// After it: the initialise program makes every parameter and rounds what is read rounded; gradients
// are f32 in every precision. Tests: place_parameters_test.cc.
#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

void MakeGradient(Draft& draft, PositionId position, const ParameterUse& use) {
  const Parameter& parameter = draft.plan.parameters[use.parameter.index()];
  std::vector<BufferId>& uses = draft.positions[position.index()].gradient[use.parameter.index()];
  const size_t ordinal = static_cast<size_t>(use.use);
  if (uses.size() <= ordinal) uses.resize(ordinal + 1);
  const std::string suffix = ordinal == 0 ? "" : ", use " + std::to_string(ordinal);
  uses[ordinal] = AddFixedBuffer(
      draft, position, ordinal == 0 ? ArenaKind::kGradients : ArenaKind::kTransientGradients,
      "gradient of " + parameter.name + suffix, parameter.type);
}

// `read` is the type in which functions read it.
void MakeValue(Draft& draft, PositionId position, ParameterId id, DType read) {
  DraftPosition& place = draft.positions[position.index()];
  const Parameter& parameter = draft.plan.parameters[id.index()];
  const auto add = [&](ArenaKind arena, std::string name, DType dtype) {
    return AddFixedBuffer(draft, position, arena, std::move(name), {dtype, parameter.type.shape});
  };
  if (read == parameter.type.dtype) {
    place.parameter[id.index()] = add(ArenaKind::kParameters, parameter.name, read);
    return;
  }
  place.rounded[id.index()] = add(ArenaKind::kParameters, parameter.name, read);
  place.parameter[id.index()] =
      add(ArenaKind::kOptimizer, "master of " + parameter.name, parameter.type.dtype);
}

void MakeBuffers(Draft& draft, PositionId position) {
  DraftPosition& place = draft.positions[position.index()];
  for (auto* buffers : {&place.parameter, &place.rounded}) {
    buffers->resize(draft.plan.parameters.size());
  }
  place.gradient.resize(draft.plan.parameters.size());
  for (const int32_t index : place.instances) {
    const CompiledInstance& instance = draft.model->instances[static_cast<size_t>(index)];
    const CompiledLayer& layer = draft.model->layers[static_cast<size_t>(instance.layer)];
    for (size_t i = 0; i < instance.parameters.size(); ++i) {
      const ParameterUse& use = instance.parameters[i];
      const DType read = layer.parameter_types[i];
      if (!place.parameter[use.parameter.index()].valid()) {
        MakeValue(draft, position, use.parameter, read);
      }
      // All uses of a tied parameter read it in one type.
      CHECK(draft.TypeOf(position, ReadBuffer(place, use.parameter)).dtype == read);
      if (draft.Trains()) MakeGradient(draft, position, use);
    }
  }
}

void MakeInitialise(Draft& draft, PositionId position) {
  const DraftPosition& place = draft.positions[position.index()];
  const StreamId stream =
      StreamNamed(draft, position, {.name = "compute.0", .kind = StreamKind::kCompute});
  const SourceId source = SourceAt(draft, draft.program->train->location, "initialise");
  std::vector<Instruction>& instructions = draft.Instructions(position, ProgramKind::kInitialise);
  for (size_t i = 0; i < place.parameter.size(); ++i) {
    if (!place.parameter[i].valid()) continue;
    const Initialise make{.parameter = ParameterId(static_cast<int64_t>(i)),
                          .target = place.parameter[i]};
    instructions.push_back({stream, source, make});
  }
  for (size_t i = 0; i < place.rounded.size(); ++i) {
    if (!place.rounded[i].valid()) continue;
    const Cast round{.source = place.parameter[i], .target = place.rounded[i]};
    instructions.push_back({stream, source, round});
  }
}

}  // namespace

BufferId ReadBuffer(const DraftPosition& place, ParameterId parameter) {
  const BufferId rounded = place.rounded[parameter.index()];
  return rounded.valid() ? rounded : place.parameter[parameter.index()];
}

void PlaceParameters(Draft& draft) {
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    MakeBuffers(draft, position);
    MakeInitialise(draft, position);
  }
}

}  // namespace pprun
