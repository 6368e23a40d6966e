#include "compiler/plan/effects.h"

#include <algorithm>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

struct AppendAccessesOf {
  const Plan& plan;
  const Position& position;
  std::vector<BufferAccess>& accesses;

  void Touch(BufferId id, Access access) const {
    accesses.push_back({id, access, position.buffers[id.index()].type.Bytes()});
  }

  // Whether the root of a collective is (also) at this position. A group within one position has
  // its root there: its replicas run one program.
  enum class RootPlace : uint8_t { kHere, kElsewhere };
  RootPlace RootOf(const Collective& collective) const {
    const Group& group = plan.groups[collective.group.index()];
    if (group.positions.size() <= 1) return RootPlace::kHere;
    // Members are in rank order: digits of a mixed radix number, the last axis's first.
    int64_t rest = collective.root;
    for (size_t i = plan.mesh.size(); i-- > 0;) {
      if (plan.mesh[i].name == "pp") {
        std::vector<PositionId> positions = group.positions;
        std::ranges::sort(positions);
        const size_t digit = static_cast<size_t>(rest) % positions.size();
        const PositionId own(&position - plan.positions.data());
        return positions[digit] == own ? RootPlace::kHere : RootPlace::kElsewhere;
      }
      const AxisId axis(static_cast<int64_t>(i));
      if (std::ranges::find(group.axes, axis) != group.axes.end()) rest /= plan.mesh[i].size;
    }
    CHECK(false);
  }

  void operator()(const Run& run) const {
    const Function& function = plan.functions[run.function.index()];
    size_t binding = static_cast<size_t>(run.first_binding);
    for (const Argument& argument : function.arguments) {
      const Access access = argument.role == Role::kWorkspace ? Access::kWrite : argument.access;
      accesses.push_back({position.bindings[binding++], access, argument.bytes});
    }
  }
  void operator()(const Send& send) const { Touch(send.source, Access::kRead); }
  void operator()(const Recv& recv) const { Touch(recv.target, Access::kWrite); }
  void operator()(const Collective& collective) const {
    switch (collective.kind) {
      case CollectiveKind::kAllReduce:
        Touch(collective.target, Access::kAccumulate);
        return;
      case CollectiveKind::kBroadcast:
        Touch(collective.target,
              RootOf(collective) == RootPlace::kHere ? Access::kAccumulate : Access::kWrite);
        return;
      case CollectiveKind::kReduce:
        if (RootOf(collective) == RootPlace::kHere) {
          Touch(collective.target, Access::kAccumulate);
        } else {
          Touch(collective.source, Access::kRead);
        }
        return;
      case CollectiveKind::kAllGather:
      case CollectiveKind::kReduceScatter:
      case CollectiveKind::kAllToAll:
        Touch(collective.source, Access::kRead);
        Touch(collective.target, Access::kWrite);
        return;
    }
    CHECK(false);
  }
  void operator()(const Load& load) const { Touch(load.target, Access::kWrite); }
  void operator()(const Initialise& initialise) const { Touch(initialise.target, Access::kWrite); }
  void operator()(const Zero& zero) const { Touch(zero.target, Access::kWrite); }
  void operator()(const Cast& cast) const {
    Touch(cast.source, Access::kRead);
    Touch(cast.target, Access::kWrite);
  }
  void operator()(const Add& add) const {
    Touch(add.source, Access::kRead);
    Touch(add.target, Access::kAccumulate);
  }
  void operator()(const SquareSum& sum) const {
    for (const ParameterSquares& row : RowsOf(position, sum)) {
      Touch(row.gradient, Access::kRead);
      Touch(row.partials, Access::kWrite);
    }
  }
  void operator()(const ClipFactor& clip) const {
    Touch(clip.partials, Access::kRead);
    Touch(clip.target, Access::kWrite);
  }
  void operator()(const Update& update) const {
    if (update.clip.valid()) Touch(update.clip, Access::kRead);
    for (const ParameterUpdate& row : RowsOf(position, update)) {
      Touch(row.gradient, Access::kRead);
      Touch(row.value, Access::kAccumulate);
      if (row.first_moment.valid()) Touch(row.first_moment, Access::kAccumulate);
      if (row.second_moment.valid()) Touch(row.second_moment, Access::kAccumulate);
      if (row.rounded.valid()) Touch(row.rounded, Access::kWrite);
    }
  }
  void operator()(const Permute& permute) const {
    Touch(permute.source, Access::kRead);
    Touch(permute.target, Access::kWrite);
  }
  void operator()(const Record&) const {}
  void operator()(const Wait&) const {}
};

}  // namespace

void AppendAccesses(const Plan& plan, const Position& position, const Instruction& instruction,
                    std::vector<BufferAccess>& accesses) {
  Visit(AppendAccessesOf{plan, position, accesses}, instruction.operands);
}

void AppendEffects(const Plan& plan, const Position& position, const Instruction& instruction,
                   std::vector<Effect>& effects) {
  std::vector<BufferAccess> accesses;
  AppendAccesses(plan, position, instruction, accesses);
  for (const BufferAccess& access : accesses) {
    const Buffer& buffer = position.buffers[access.buffer.index()];
    effects.push_back({buffer.arena, buffer.offset, buffer.offset + access.bytes, access.access});
  }
}

}  // namespace pprun
