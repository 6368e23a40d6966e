// Names of the plan's enumerations, and the arithmetic of the mesh: ranks, coordinates, members of
// groups. The last axis varies fastest with the rank. Tests: plan_test.cc.
#include "compiler/plan/plan.h"

#include <algorithm>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr std::string_view kPipelineAxis = "pp";

// Index of the axis that enumerates positions; the number of axes if there is none.
size_t PipelineAxis(const Mesh& mesh) {
  const auto found = std::ranges::find(mesh, kPipelineAxis, &Axis::name);
  return static_cast<size_t>(found - mesh.begin());
}

template <typename Row>
std::span<const Row> Rows(const std::vector<Row>& table, int32_t first, int32_t count) {
  const size_t begin = std::min(static_cast<size_t>(std::max(first, 0)), table.size());
  const size_t most = table.size() - begin;
  return std::span(table).subspan(begin, std::min(static_cast<size_t>(std::max(count, 0)), most));
}

}  // namespace

std::string_view Name(Role role) {
  switch (role) {
    case Role::kParameter:
      return "parameter";
    case Role::kGradient:
      return "gradient";
    case Role::kInput:
      return "input";
    case Role::kOutput:
      return "output";
    case Role::kOutputGradient:
      return "output_gradient";
    case Role::kInputGradient:
      return "input_gradient";
    case Role::kTokens:
      return "tokens";
    case Role::kTargets:
      return "targets";
    case Role::kLoss:
      return "loss";
    case Role::kFrameInput:
      return "frame_input";
    case Role::kFrameWeight:
      return "frame_weight";
    case Role::kStash:
      return "stash";
    case Role::kWorkspace:
      return "workspace";
  }
  CHECK(false);
}

std::string_view Name(ArenaKind arena) {
  switch (arena) {
    case ArenaKind::kParameters:
      return "parameters";
    case ArenaKind::kGatheredParameters:
      return "gathered_parameters";
    case ArenaKind::kGradients:
      return "gradients";
    case ArenaKind::kTransientGradients:
      return "transient_gradients";
    case ArenaKind::kOptimizer:
      return "optimizer";
    case ArenaKind::kFrames:
      return "frames";
    case ArenaKind::kTransferSlots:
      return "transfer_slots";
    case ArenaKind::kBatch:
      return "batch";
    case ArenaKind::kScalars:
      return "scalars";
    case ArenaKind::kWorkspace:
      return "workspace";
  }
  CHECK(false);
}

std::string_view Name(ProgramKind program) {
  switch (program) {
    case ProgramKind::kInitialise:
      return "initialise";
    case ProgramKind::kStep:
      return "step";
    case ProgramKind::kValidate:
      return "validate";
  }
  CHECK(false);
}

int64_t Plan::Ranks() const {
  int64_t ranks = 1;
  for (const Axis& axis : mesh) ranks *= axis.size;
  return ranks;
}

int64_t Plan::Replicas() const { return Ranks() / AxisSize(kPipelineAxis); }

int64_t Plan::AxisSize(std::string_view axis_name) const {
  const auto found = std::ranges::find(mesh, axis_name, &Axis::name);
  return found == mesh.end() ? 1 : found->size;
}

std::span<const ParameterSquares> RowsOf(const Position& position, const SquareSum& sum) {
  return Rows(position.square_sums, sum.first, sum.count);
}

std::span<const ParameterUpdate> RowsOf(const Position& position, const Update& update) {
  return Rows(position.updates, update.first, update.count);
}

RankCoordinates CoordinatesOf(const Plan& plan, int64_t rank) {
  CHECK(rank >= 0 && rank < plan.Ranks());
  RankCoordinates coordinates;
  coordinates.axes.resize(plan.mesh.size());
  for (size_t i = plan.mesh.size(); i-- > 0;) {
    const int32_t size = plan.mesh[i].size;
    coordinates.axes[i] = static_cast<int32_t>(rank % size);
    rank /= size;
  }
  const size_t pipeline = PipelineAxis(plan.mesh);
  coordinates.position =
      PositionId(pipeline < plan.mesh.size() ? coordinates.axes[pipeline] : int32_t{0});
  return coordinates;
}

int64_t RankAt(const Plan& plan, const std::vector<int32_t>& axes) {
  CHECK(axes.size() == plan.mesh.size());
  int64_t rank = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    CHECK(axes[i] >= 0 && axes[i] < plan.mesh[i].size);
    rank = rank * plan.mesh[i].size + axes[i];
  }
  return rank;
}

std::vector<int64_t> MembersOf(const Plan& plan, const Group& group, int64_t rank) {
  const RankCoordinates own = CoordinatesOf(plan, rank);
  const size_t pipeline = PipelineAxis(plan.mesh);

  std::vector<std::vector<int32_t>> coordinates;
  if (group.positions.empty()) {
    coordinates.push_back(own.axes);
  } else {
    CHECK(std::ranges::find(group.positions, own.position) != group.positions.end());
    for (const PositionId position : group.positions) {
      coordinates.push_back(own.axes);
      if (pipeline < plan.mesh.size()) coordinates.back()[pipeline] = position.value;
    }
  }
  for (const AxisId axis : group.axes) {
    std::vector<std::vector<int32_t>> wider;
    for (const std::vector<int32_t>& one : coordinates) {
      for (int32_t i = 0; i < plan.mesh[axis.index()].size; ++i) {
        wider.push_back(one);
        wider.back()[axis.index()] = i;
      }
    }
    coordinates = std::move(wider);
  }

  std::vector<int64_t> members;
  for (const std::vector<int32_t>& one : coordinates) members.push_back(RankAt(plan, one));
  std::ranges::sort(members);
  return members;
}

int64_t SizeOf(const Plan& plan, const Group& group) {
  int64_t size = group.positions.empty() ? 1 : static_cast<int64_t>(group.positions.size());
  for (const AxisId axis : group.axes) size *= plan.mesh[axis.index()].size;
  return size;
}

int64_t PeerOf(const Plan& plan, const Channel& channel, int64_t rank) {
  RankCoordinates own = CoordinatesOf(plan, rank);
  CHECK(own.position == channel.from || own.position == channel.to);
  const size_t pipeline = PipelineAxis(plan.mesh);
  CHECK(pipeline < plan.mesh.size());
  const PositionId peer = own.position == channel.from ? channel.to : channel.from;
  own.axes[pipeline] = peer.value;
  return RankAt(plan, own.axes);
}

}  // namespace pprun
