#include "compiler/passes/draft.h"

#include <algorithm>

#include "compiler/passes/mentions.h"
#include "compiler/plan/base/check.h"
#include "compiler/plan/text.h"
#include "dsl/source_files.h"

namespace pprun {
namespace {

// Buffers as they are called before they have a place.
std::vector<Buffer> NamedBuffers(const DraftPosition& place) {
  std::vector<Buffer> buffers;
  buffers.reserve(place.pool_of.size());
  for (const PoolId id : place.pool_of) {
    const Pool& pool = place.pools[id.index()];
    const std::string slot = pool.kind == Pool::Kind::kFixed ? "" : "[?]" + pool.suffix;
    buffers.push_back(
        {.name = pool.name + slot, .arena = pool.arena, .offset = -1, .type = pool.type});
  }
  return buffers;
}

}  // namespace

PoolId AddPool(Draft& draft, PositionId position, Pool pool) {
  std::vector<Pool>& pools = draft.positions[position.index()].pools;
  pools.push_back(std::move(pool));
  return PoolId(static_cast<int64_t>(pools.size()) - 1);
}

BufferId AddBuffer(Draft& draft, PositionId position, PoolId pool) {
  DraftPosition& place = draft.positions[position.index()];
  CHECK(draft.plan.positions[position.index()].buffers.empty());
  place.pool_of.push_back(pool);
  return BufferId(static_cast<int64_t>(place.pool_of.size()) - 1);
}

BufferId AddFixedBuffer(Draft& draft, PositionId position, ArenaKind arena, std::string name,
                        TensorType type) {
  const PoolId pool =
      AddPool(draft, position,
              {.kind = Pool::Kind::kFixed, .name = std::move(name), .arena = arena, .type = type});
  return AddBuffer(draft, position, pool);
}

StreamId StreamNamed(Draft& draft, PositionId position, const Stream& stream) {
  std::vector<Stream>& streams = draft.plan.positions[position.index()].streams;
  for (size_t i = 0; i < streams.size(); ++i) {
    if (streams[i].name == stream.name) return StreamId(static_cast<int64_t>(i));
  }
  streams.push_back(stream);
  return StreamId(static_cast<int64_t>(streams.size()) - 1);
}

GroupId GroupNamed(Draft& draft, const Group& group) {
  std::vector<Group>& groups = draft.plan.groups;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].name == group.name) return GroupId(static_cast<int64_t>(i));
  }
  groups.push_back(group);
  return GroupId(static_cast<int64_t>(groups.size()) - 1);
}

SourceId SourceAt(Draft& draft, ast::Location location, std::string_view reason) {
  const auto key = std::make_tuple(location.file, location.begin, std::string(reason));
  if (const auto found = draft.source_ids.find(key); found != draft.source_ids.end())
    return found->second;
  const LineColumn place = draft.files->Position(location);
  draft.plan.sources.push_back({.file = static_cast<int32_t>(location.file),
                                .line = place.line,
                                .column = place.column,
                                .reason = std::string(reason)});
  const SourceId id(static_cast<int64_t>(draft.plan.sources.size()) - 1);
  draft.source_ids.emplace(key, id);
  return id;
}

void LocateData(Draft& draft) {
  const CheckedTrain& train = *draft.program->train;
  const auto locate = [&draft](const DataSource& source, DataSpec& spec) {
    if (source.path.empty() || source.location.file == kCommandLine.file) return;
    spec.source = SourceAt(draft, source.location, "data");
  };
  locate(train.data, draft.plan.train.data);
  if (train.validation) locate(*train.validation, draft.plan.train.validation);
}

std::vector<AxisId> Draft::ReplicaAxes() const {
  std::vector<AxisId> axes;
  for (size_t i = 0; i < plan.mesh.size(); ++i) {
    if (plan.mesh[i].name != "pp" && plan.mesh[i].size > 1)
      axes.emplace_back(static_cast<int64_t>(i));
  }
  return axes;
}

TensorType RegionType(int64_t bytes) {
  CHECK(bytes > 0);
  return {.dtype = DType::kF32, .shape = {(bytes + 3) / 4}};
}

void CheckDraft(const Draft& draft) {
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    const Position& position = draft.plan.positions[p];
    const size_t buffers = std::max(position.buffers.size(), draft.positions[p].pool_of.size());
    for (const Program& program : position.programs) {
      for (const Instruction& instruction : program.instructions) {
        CHECK(instruction.stream.valid() && instruction.stream.index() < position.streams.size());
        CHECK(instruction.source.valid() && instruction.source.index() < draft.plan.sources.size());
        ForEachBuffer(draft.plan, position, instruction,
                      [&](BufferId buffer) { CHECK(buffer.index() < buffers); });
      }
    }
  }
}

std::string ToText(const Draft& draft) {
  std::string text;
  for (size_t p = 0; p < draft.plan.positions.size(); ++p) {
    Position position = draft.plan.positions[p];
    if (position.buffers.empty()) position.buffers = NamedBuffers(draft.positions[p]);
    text += "position " + std::to_string(p) + "\n";
    for (int kind = 0; kind < kProgramCount; ++kind) {
      const Program& program = position.programs[static_cast<size_t>(kind)];
      if (program.instructions.empty()) continue;
      text += "  program " + std::string(Name(static_cast<ProgramKind>(kind))) + "\n";
      for (const Instruction& instruction : program.instructions) {
        std::string stream = position.streams[instruction.stream.index()].name;
        stream.resize(std::max<size_t>(stream.size(), 12), ' ');
        text += "    " + stream + " " + ToText(draft.plan, position, instruction) + "\n";
      }
    }
  }
  return text;
}

}  // namespace pprun
