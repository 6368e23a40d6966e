#include "compiler/model/assign_buffers.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/model/flops.h"
#include "compiler/model/lifetimes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Where a value lives in one function.
struct Place {
  Role role = Role::kWorkspace;
  int32_t ordinal = 0;
  int64_t offset = 0;

  bool operator==(const Place&) const = default;
};

// The values that outlive a function of the layer.
struct Regions {
  std::vector<Place> saved;    // by value: kFrameInput, kFrameWeight, or kWorkspace if not saved
  std::vector<Place> stashed;  // by value: kStash, or kWorkspace
  std::array<int64_t, kRoleCount> bytes{};
};

// Appends a value to its region.
void Lay(Regions& regions, const GraphValue& value, Place& place, Role role) {
  int64_t& end = regions.bytes[static_cast<size_t>(role)];
  place = {.role = role, .offset = end};
  end += AlignedBytes(value.type.Bytes());
}

Access AccessOf(const GraphOperation& operation, size_t operand) {
  return Signature(operation.kind).operands[operand].access;
}

// The values that operations of one half read.
std::vector<bool> ReadBy(const BackwardGraph& backward, Half half) {
  std::vector<bool> read(backward.values.size());
  for (const BackwardOperation& each : backward.operations) {
    if (each.half != half) continue;
    for (size_t i = 0; i < each.operation.operands.size(); ++i) {
      const ValueId id = each.operation.operands[i];
      if (id.valid() && AccessOf(each.operation, i) == Access::kRead) read[id.index()] = true;
    }
  }
  return read;
}

// The values that forward computes.
std::vector<bool> MadeForward(const LayerGraph& graph, size_t values) {
  std::vector<bool> made(values);
  for (const GraphOperation& operation : graph.operations) {
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const ValueId id = operation.operands[i];
      if (id.valid() && AccessOf(operation, i) == Access::kWrite) made[id.index()] = true;
    }
  }
  return made;
}

// Values that end as saved ones which replace them live there from the beginning.
void ReplaceInPlace(const LayerGraph& graph, const std::vector<GraphValue>& values,
                    std::vector<Place>& saved) {
  for (size_t at = 0; at < graph.operations.size(); ++at) {
    const GraphOperation& operation = graph.operations[at];
    const auto signature = Signature(operation.kind).operands;
    for (size_t i = 0; i < signature.size(); ++i) {
      if (signature[i].may_replace < 0) continue;
      const ValueId from = operation.operands[static_cast<size_t>(signature[i].may_replace)];
      const ValueId to = operation.operands[i];
      const bool read_later =
          std::any_of(graph.operations.begin() + static_cast<ptrdiff_t>(at) + 1,
                      graph.operations.end(), [&](const GraphOperation& later) {
                        return std::ranges::find(later.operands, from) != later.operands.end();
                      });
      const bool free = values[from.index()].kind == GraphValue::Kind::kComputed &&
                        saved[from.index()].role == Role::kWorkspace && !read_later;
      if (free && saved[to.index()].role != Role::kWorkspace) {
        saved[from.index()] = saved[to.index()];
      }
    }
  }
}

// Offsets follow the order in which the values are computed.
Regions LayRegions(const LayerGraph& graph, const BackwardGraph& backward) {
  const size_t count = backward.values.size();
  Regions regions{.saved = std::vector<Place>(count), .stashed = std::vector<Place>(count)};
  const std::vector<bool> made_forward = MadeForward(graph, count);
  const std::vector<bool> input_reads = ReadBy(backward, Half::kInputGrad);
  const std::vector<bool> weight_reads = ReadBy(backward, Half::kWeightGrad);
  for (size_t i = 0; i < count; ++i) {
    const GraphValue& value = backward.values[i];
    if (value.kind != GraphValue::Kind::kComputed || (!input_reads[i] && !weight_reads[i]))
      continue;
    if (!made_forward[i]) {
      if (weight_reads[i]) Lay(regions, value, regions.stashed[i], Role::kStash);
      continue;
    }
    // The output goes to the layer after and is not there any more.
    CHECK(graph.output != ValueId(static_cast<int64_t>(i)));
    Lay(regions, value, regions.saved[i], weight_reads[i] ? Role::kFrameWeight : Role::kFrameInput);
  }
  ReplaceInPlace(graph, backward.values, regions.saved);
  return regions;
}

// Places that the kind of a value alone decides.
std::vector<Place> GivenPlaces(const std::vector<GraphValue>& values) {
  std::vector<Place> places(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    switch (values[i].kind) {
      case GraphValue::Kind::kInput:
        places[i].role = Role::kInput;
        break;
      case GraphValue::Kind::kTokens:
        places[i].role = Role::kTokens;
        break;
      case GraphValue::Kind::kTargets:
        places[i].role = Role::kTargets;
        break;
      case GraphValue::Kind::kParameter:
        places[i] = {.role = Role::kParameter, .ordinal = values[i].ordinal};
        break;
      case GraphValue::Kind::kParameterGradient:
        places[i] = {.role = Role::kGradient, .ordinal = values[i].ordinal};
        break;
      case GraphValue::Kind::kOutputGradient:
        places[i].role = Role::kOutputGradient;
        break;
      case GraphValue::Kind::kComputed:
        break;
    }
  }
  return places;
}

void PlaceResults(const LayerGraph& graph, std::vector<Place>& places) {
  if (graph.output.valid()) places[graph.output.index()] = {.role = Role::kOutput};
  if (graph.loss.valid()) places[graph.loss.index()] = {.role = Role::kLoss};
}

// Values that another function of the layer made or will use.
void PlaceIn(const std::vector<Place>& regions, std::vector<Place>& places) {
  for (size_t i = 0; i < places.size(); ++i) {
    if (regions[i].role != Role::kWorkspace) places[i] = regions[i];
  }
}

// What one function is made from.
struct Body {
  std::string name;
  TaskKind kind = TaskKind::kForward;
  std::vector<GraphOperation> operations;
  std::vector<Place> places;  // by value
};

// Offsets of the values in the workspace; returns its size.
int64_t PlaceWorkspace(const std::vector<GraphValue>& values, Body& body) {
  std::vector<MemoryBlock> blocks;
  std::vector<ValueId> block_values;
  std::vector<int32_t> block_of(values.size(), -1);
  for (size_t step = 0; step < body.operations.size(); ++step) {
    for (const ValueId id : body.operations[step].operands) {
      if (!id.valid() || body.places[id.index()].role != Role::kWorkspace) continue;
      int32_t& block = block_of[id.index()];
      if (block < 0) {
        block = static_cast<int32_t>(blocks.size());
        blocks.push_back(
            {.bytes = values[id.index()].type.Bytes(), .first = static_cast<int32_t>(step)});
        block_values.push_back(id);
      }
      blocks[static_cast<size_t>(block)].last = static_cast<int32_t>(step);
    }
  }
  const int64_t bytes = PlaceByLifetime(blocks);
  for (size_t i = 0; i < blocks.size(); ++i) {
    body.places[block_values[i].index()].offset = blocks[i].offset;
  }
  return bytes;
}

// What a call does to an argument as a whole.
Access Combined(Access first, Access then) {
  if (first == Access::kWrite || then == Access::kWrite) return Access::kWrite;
  if (first == Access::kAccumulate || then == Access::kAccumulate) return Access::kAccumulate;
  return Access::kRead;
}

bool IsRegion(Role role) {
  return role == Role::kFrameInput || role == Role::kFrameWeight || role == Role::kStash ||
         role == Role::kWorkspace;
}

// Arguments by role and ordinal, which is their order.
using ArgumentTable = std::map<std::pair<Role, int32_t>, Argument>;

ArgumentTable CollectArguments(const std::vector<GraphValue>& values, const Body& body,
                               const std::array<int64_t, kRoleCount>& region_bytes) {
  ArgumentTable table;
  for (const GraphOperation& operation : body.operations) {
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const ValueId id = operation.operands[i];
      if (!id.valid()) continue;
      const Place& place = body.places[id.index()];
      const Access access = AccessOf(operation, i);
      const auto [entry, inserted] = table.try_emplace({place.role, place.ordinal});
      Argument& argument = entry->second;
      if (!inserted) {
        argument.access = Combined(argument.access, access);
        continue;
      }
      argument = {.role = place.role,
                  .access = access,
                  .bytes = IsRegion(place.role) ? region_bytes[static_cast<size_t>(place.role)]
                                                : values[id.index()].type.Bytes(),
                  .ordinal = place.ordinal};
    }
  }
  return table;
}

Function MakeFunction(const std::vector<GraphValue>& values, Body body, const Regions& regions) {
  std::array<int64_t, kRoleCount> region_bytes = regions.bytes;
  region_bytes[static_cast<size_t>(Role::kWorkspace)] = PlaceWorkspace(values, body);
  const ArgumentTable table = CollectArguments(values, body, region_bytes);

  Function function{.name = std::move(body.name), .kind = body.kind};
  std::map<std::pair<Role, int32_t>, int32_t> argument_of;
  for (const auto& [key, argument] : table) {
    argument_of[key] = static_cast<int32_t>(function.arguments.size());
    function.arguments.push_back(argument);
  }
  std::vector<ViewId> view_of(values.size());
  for (GraphOperation& operation : body.operations) {
    Operation made{.kind = operation.kind,
                   .attributes = operation.attributes,
                   .label = std::move(operation.label)};
    function.flops += FlopsOf(values, operation);
    for (const ValueId id : operation.operands) {
      if (!id.valid()) {
        made.operands.push_back({});
        continue;
      }
      ViewId& view = view_of[id.index()];
      if (!view.valid()) {
        const Place& place = body.places[id.index()];
        view = ViewId(static_cast<int64_t>(function.views.size()));
        function.views.push_back({.argument = argument_of.at({place.role, place.ordinal}),
                                  .offset = place.offset,
                                  .type = values[id.index()].type});
      }
      made.operands.push_back(view);
    }
    function.operations.push_back(std::move(made));
  }
  function.segments.push_back({.count = static_cast<int32_t>(function.operations.size())});
  return function;
}

enum class Work : uint8_t { kBoth, kInputGrad, kWeightGrad };

std::vector<GraphOperation> OperationsOf(const BackwardGraph& backward, Work work) {
  std::vector<GraphOperation> operations;
  for (const BackwardOperation& each : backward.operations) {
    const Work own = each.half == Half::kInputGrad ? Work::kInputGrad : Work::kWeightGrad;
    if (work == Work::kBoth || work == own) operations.push_back(each.operation);
  }
  return operations;
}

}  // namespace

LayerFunctions AssignBuffers(const FusedLayer& layer) {
  const LayerGraph& graph = layer.forward;
  const BackwardGraph& backward = layer.backward;
  const Regions regions = LayRegions(graph, backward);
  const std::vector<GraphValue>& values = backward.values;
  const std::vector<Place> given = GivenPlaces(values);
  LayerFunctions functions{
      .frame_input_bytes = regions.bytes[static_cast<size_t>(Role::kFrameInput)],
      .frame_weight_bytes = regions.bytes[static_cast<size_t>(Role::kFrameWeight)],
      .stash_bytes = regions.bytes[static_cast<size_t>(Role::kStash)]};

  Body forward{graph.name + ".forward", TaskKind::kForward, graph.operations, given};
  PlaceIn(regions.saved, forward.places);
  PlaceResults(graph, forward.places);
  functions.forward = MakeFunction(values, std::move(forward), regions);

  Body evaluate{graph.name + ".evaluate", TaskKind::kForward, layer.evaluate.operations, given};
  PlaceResults(layer.evaluate, evaluate.places);
  functions.evaluate = MakeFunction(values, std::move(evaluate), regions);

  std::vector<Place> places = given;
  PlaceIn(regions.saved, places);
  if (backward.input_gradient.valid()) {
    places[backward.input_gradient.index()] = {.role = Role::kInputGradient};
  }
  const auto make = [&](const char* name, TaskKind kind, Work work,
                        const std::vector<Place>& where) -> std::optional<Function> {
    Body body{graph.name + name, kind, OperationsOf(backward, work), where};
    if (body.operations.empty()) return std::nullopt;
    return MakeFunction(values, std::move(body), regions);
  };
  functions.backward = make(".backward", TaskKind::kBackward, Work::kBoth, places);
  PlaceIn(regions.stashed, places);
  functions.input_grad = make(".input_grad", TaskKind::kInputGrad, Work::kInputGrad, places);
  functions.weight_grad = make(".weight_grad", TaskKind::kWeightGrad, Work::kWeightGrad, places);
  return functions;
}

}  // namespace pprun
