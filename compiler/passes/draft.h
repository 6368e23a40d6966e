// The plan in the making: what the passes work on.
//
// Tables, streams and instructions are already those of the plan; only buffers have no place yet. A
// buffer belongs to a pool, and is no more than a number until AssignMemory: buffers of one pool
// have one type and name, and those whose lifetimes are apart come to share a slot of it. A buffer
// of a fixed pool is alive throughout. Instructions are in issue order, per position and program.
//
// Passes run in the order of run_passes.cc, each on this one value. Tests: tests/passes/.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "compiler/model/model.h"
#include "compiler/plan/plan.h"
#include "compiler/schedule/task_order.h"
#include "dsl/checked.h"

namespace pprun {

using PoolId = Id<struct PoolTag>;

struct Pool {
  enum class Kind : uint8_t {
    kFixed,     // one buffer, alive throughout
    kFrame,     // as many slots as are alive at once
    kTransfer,  // one slot more, so that a transfer need not wait for the one that is being read
  } kind = Kind::kFixed;
  std::string name;    // "frame", "slot", "bucket[2]"
  std::string suffix;  // after the slot's number: ".block[3].saved"
  ArenaKind arena = ArenaKind::kFrames;
  TensorType type;
  int32_t slots = 0;
};

// A task of the schedule with its runs: instructions [first, first + count) of the step, until
// transfers are inserted.
struct PlacedTask {
  OrderedTask task;
  int32_t first = 0;
  int32_t count = 0;
  int64_t start = 0;  // predicted, in units of one forward
  int64_t end = 0;
};

inline constexpr size_t kBoundaryKinds = 2;

// What stage boundaries a position has, for the transfers: one entry per (stage, microbatch) that
// sends or receives.
struct Boundary {
  enum class Kind : uint8_t { kActivation, kGradient } kind = Kind::kActivation;
  StageId from;
  StageId to;
  int32_t pipe = 0;
  MicrobatchId microbatch;
  BufferId source;  // at the position of `from`
  BufferId target;  // at the position of `to`
};

// A buffer that covers others, laid out one after the other: a bucket of gradients.
struct Cover {
  BufferId buffer;
  std::vector<BufferId> parts;
};

struct DraftPosition {
  std::vector<Pool> pools;
  std::vector<PoolId> pool_of;  // by BufferId, until AssignMemory makes Position::buffers
  std::vector<Cover> covers;
  std::vector<BufferId> gradient_layout;  // order of the gradient arena
  std::vector<ChunkPlace> chunks;         // what each chunk is
  std::vector<int32_t> instances;         // of the model that live here, ascending
  std::array<std::vector<PlacedTask>, kProgramCount>
      tasks;  // of the step, and of validation if there is any

  // Buffers by what they hold, while the passes need them; not valid() where there is none.
  std::vector<BufferId> parameter;              // by ParameterId: what the optimizer works on
  std::vector<BufferId> rounded;                // by ParameterId: see ReadBuffer
  std::vector<std::vector<BufferId>> gradient;  // by ParameterId, then use
  // Parameters whose gradients become whole together, in the order in which they do.
  std::vector<std::vector<ParameterId>> whole_together;
};

struct Draft {
  Plan plan;
  std::vector<DraftPosition> positions;
  std::array<std::vector<Boundary>, kProgramCount> boundaries;

  // What it is made from.
  const CheckedProgram* program = nullptr;
  const CompiledModel* model = nullptr;
  int32_t microbatches = 1;
  std::vector<int32_t> pipe_of;  // by microbatch
  const SourceFiles* files = nullptr;
  std::vector<PositionId> position_of;             // by pipe and stage: see PositionOf
  std::vector<std::vector<int32_t>> instances_of;  // by StageId
  int64_t samples = 1;                             // of a microbatch on one replica

  std::map<std::tuple<uint32_t, uint32_t, std::string>, SourceId>
      source_ids;  // file, offset, reason

  std::vector<Instruction>& Instructions(PositionId position, ProgramKind program_kind) {
    return plan.positions[position.index()]
        .programs[static_cast<size_t>(program_kind)]
        .instructions;
  }

  PositionId PositionOf(StageId stage, int32_t pipe) const {
    return position_of[static_cast<size_t>(pipe * plan.stages + stage.value)];
  }
  // The pipe that a microbatch goes through.
  int32_t PipeOf(size_t microbatch) const { return pipe_of[microbatch]; }

  // Of a buffer that has no place yet.
  const TensorType& TypeOf(PositionId position, BufferId buffer) const {
    const DraftPosition& place = positions[position.index()];
    return place.pools[place.pool_of[buffer.index()].index()].type;
  }
  // A plan of no steps is one of inference: what is called its step goes forward only.
  bool Trains() const { return plan.train.steps > 0; }
  // All but pp: those whose ranks hold the same parameters.
  std::vector<AxisId> ReplicaAxes() const;
};

// What functions read as a parameter: its value, or a copy rounded to their type.
BufferId ReadBuffer(const DraftPosition& place, ParameterId parameter);

// A new buffer of a new fixed pool.
BufferId AddFixedBuffer(Draft& draft, PositionId position, ArenaKind arena, std::string name,
                        TensorType type);
PoolId AddPool(Draft& draft, PositionId position, Pool pool);
BufferId AddBuffer(Draft& draft, PositionId position, PoolId pool);

// The stream of that name, made if there is none.
StreamId StreamNamed(Draft& draft, PositionId position, const Stream& stream);
// The group of that name, made if there is none.
GroupId GroupNamed(Draft& draft, const Group& group);

// The place of a schedule's call, with what put the instruction there ("" for the call itself).
SourceId SourceAt(Draft& draft, ast::Location location, std::string_view reason);

// The same for many calls from few places: each place is looked up once.
class SourceMemo {
 public:
  SourceMemo(Draft& draft, std::string_view reason) : draft_(draft), reason_(reason) {}

  SourceId At(ast::Location location) {
    const uint64_t place = uint64_t{location.file} << 32 | location.begin;
    SourceId& known = known_[place];
    if (!known.valid()) known = SourceAt(draft_, location, reason_);
    return known;
  }

 private:
  Draft& draft_;
  const std::string reason_;
  std::unordered_map<uint64_t, SourceId> known_;
};

// Sets where the plan's data files are named, so that a run can say so of one that it cannot read.
void LocateData(Draft& draft);

// Every buffer starts at a multiple of this, in bytes: a cache line, and what vector loads and
// devices want.
inline constexpr int64_t kAlignment = 64;
constexpr int64_t AlignedBytes(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// f32[bytes / 4], for regions without a shape of their own.
TensorType RegionType(int64_t bytes);

// References are in range and streams match instructions; a failure is a bug of the last pass.
void CheckDraft(const Draft& draft);

// --emit=after:<pass>.
std::string ToText(const Draft& draft);

}  // namespace pprun
