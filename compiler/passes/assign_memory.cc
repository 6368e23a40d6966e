// Gives every buffer a slot of its pool and an offset in its arena, so that buffers alive at the
// same time never share memory.
//
// A pooled buffer lives from the first to the last instruction of its program that mentions it, in
// issue order. Slots are reused longest-free first, and a transfer pool has one more than it fills
// at a time, so that a sender need not wait for the slot that it has just filled, nor what arrives
// for the one that is just being read. What the first task of an overlapped pair leaves free, the
// second does not take: it would have to wait for it. Programs reuse each other's slots. After it:
// buffers are the plan's, one a slot; arenas have their sizes. Linear in the number of
// instructions. Tests: assign_memory_test.cc.
#include <algorithm>
#include <utility>

#include "compiler/passes/mentions.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"
#include "compiler/plan/tasks.h"

namespace pprun {
namespace {

constexpr int32_t kNone = -1;

// Renames every buffer of an instruction.
struct RenameBuffers {
  const std::vector<BufferId>& renamed;

  void Map(BufferId& buffer) const {
    if (buffer.valid()) buffer = renamed[buffer.index()];
  }
  void operator()(Run&) const {}  // its bindings are renamed once for all
  void operator()(Send& send) const { Map(send.source); }
  void operator()(Recv& recv) const { Map(recv.target); }
  void operator()(Collective& collective) const { Map(collective.source), Map(collective.target); }
  void operator()(Load& load) const { Map(load.target); }
  void operator()(Initialise& initialise) const { Map(initialise.target); }
  void operator()(Zero& zero) const { Map(zero.target); }
  void operator()(Cast& cast) const { Map(cast.source), Map(cast.target); }
  void operator()(Add& add) const { Map(add.source), Map(add.target); }
  void operator()(SquareSum&) const {}  // its rows too
  void operator()(ClipFactor& clip) const { Map(clip.partials), Map(clip.target); }
  void operator()(Update& update) const { Map(update.clip); }
  void operator()(Permute& permute) const { Map(permute.source), Map(permute.target); }
  void operator()(Record&) const {}
  void operator()(Wait&) const {}
};

// The two tasks of an overlapped pair, as instructions of their program.
struct Beside {
  int32_t first = 0;   // of the first task
  int32_t second = 0;  // of the second, which goes up to `last`
  int32_t last = 0;
};

// Ascending.
std::vector<Beside> PairsOf(const Position& position, ProgramKind program) {
  std::vector<Beside> pairs;
  if (!MayHavePairs(position)) return pairs;
  const std::vector<PlannedTask> tasks = TasksOf(position, program).tasks;
  for (size_t i = 1; i < tasks.size(); ++i) {
    if (tasks[i].partner != static_cast<int32_t>(i) - 1) continue;
    pairs.push_back({tasks[i - 1].first, tasks[i].first, tasks[i].last});
  }
  return pairs;
}

class PositionMemory {
 public:
  PositionMemory(Draft& draft, PositionId position)
      : plan_(draft.plan),
        position_(draft.plan.positions[position.index()]),
        place_(draft.positions[position.index()]),
        slot_(place_.pool_of.size(), kNone),
        last_(slot_.size()),
        next_free_(slot_.size()),
        freed_at_(slot_.size(), kNone),
        offset_(slot_.size(), -1),
        kept_(place_.pools.size()) {}

  void Run() {
    for (size_t kind = 0; kind < position_.programs.size(); ++kind) {
      AssignSlots(position_.programs[kind], PairsOf(position_, static_cast<ProgramKind>(kind)));
    }
    PlaceBuffers();
    PlaceCovers();
    Rename();
    place_.pool_of.clear();
  }

 private:
  void AssignSlots(const Program& program, const std::vector<Beside>& pairs);
  Pool& PoolOf(BufferId buffer) { return place_.pools[place_.pool_of[buffer.index()].index()]; }
  int64_t Take(ArenaKind arena, int64_t bytes) {
    int64_t& end = position_.arena_bytes[static_cast<size_t>(arena)];
    const int64_t offset = end;
    end += AlignedBytes(bytes);
    return offset;
  }
  void PlaceBuffers();
  void PlaceCovers();
  void Rename();

  Plan& plan_;
  Position& position_;
  DraftPosition& place_;
  // By BufferId.
  std::vector<int32_t> slot_;       // of a fixed pool none
  std::vector<int32_t> last_;       // instruction of the program at hand that mentions it
  std::vector<int32_t> next_free_;  // whose slot was freed next in its pool
  std::vector<int32_t> freed_at_;   // instruction of the program at hand
  std::vector<int64_t> offset_;
  // By PoolId, then slot: the buffer of the plan.
  std::vector<std::vector<BufferId>> kept_;
};

void PositionMemory::AssignSlots(const Program& program, const std::vector<Beside>& pairs) {
  // The buffers that left a slot of each pool free, in the order in which they did.
  struct Free {
    int32_t first = kNone;
    int32_t last = kNone;
    int32_t count = 0;
    int32_t used = 0;  // slots, free or not
  };
  std::vector<Free> free(place_.pools.size());
  std::fill(last_.begin(), last_.end(), kNone);
  const auto each = [&](size_t instruction, const auto& visit) {
    ForEachBuffer(plan_, position_, program.instructions[instruction], [&](BufferId buffer) {
      if (PoolOf(buffer).kind != Pool::Kind::kFixed) visit(buffer.value);
    });
  };
  const size_t count = program.instructions.size();
  for (size_t i = 0; i < count; ++i) {
    each(i, [&](int32_t buffer) { last_[static_cast<size_t>(buffer)] = static_cast<int32_t>(i); });
  }
  // In the second task of a pair, what the first has freed: [begin, end). Else nothing.
  int32_t beside_begin = 0, beside_end = 0;
  const auto take = [&](int32_t buffer) {
    int32_t& slot = slot_[static_cast<size_t>(buffer)];
    if (slot != kNone) return;
    Pool& pool = PoolOf(BufferId(buffer));
    Free& of_pool = free[place_.pool_of[static_cast<size_t>(buffer)].index()];
    int32_t before = kNone, found = of_pool.first;
    while (found != kNone && freed_at_[static_cast<size_t>(found)] >= beside_begin &&
           freed_at_[static_cast<size_t>(found)] < beside_end) {
      before = std::exchange(found, next_free_[static_cast<size_t>(found)]);
    }
    if (found == kNone || (pool.kind == Pool::Kind::kTransfer && of_pool.count < 2)) {
      slot = of_pool.used++;
      pool.slots = std::max(pool.slots, of_pool.used);
      return;
    }
    --of_pool.count;
    slot = slot_[static_cast<size_t>(found)];
    const int32_t next = next_free_[static_cast<size_t>(found)];
    (before == kNone ? of_pool.first : next_free_[static_cast<size_t>(before)]) = next;
    if (next == kNone) of_pool.last = before;
  };
  const auto release = [&](int32_t buffer, int32_t instruction) {
    Free& of_pool = free[place_.pool_of[static_cast<size_t>(buffer)].index()];
    ++of_pool.count;
    next_free_[static_cast<size_t>(buffer)] = kNone;
    freed_at_[static_cast<size_t>(buffer)] = instruction;
    int32_t& link =
        of_pool.first == kNone ? of_pool.first : next_free_[static_cast<size_t>(of_pool.last)];
    link = of_pool.last = buffer;
  };
  auto pair = pairs.begin();
  for (size_t i = 0; i < count; ++i) {
    const int32_t now = static_cast<int32_t>(i);
    if (pair != pairs.end() && now == pair->second) {
      beside_begin = pair->first;
      beside_end = pair->second;
    }
    if (pair != pairs.end() && now > pair->last) {
      beside_begin = beside_end = 0;
      ++pair;
    }
    each(i, take);
    each(i, [&](int32_t buffer) {
      int32_t& last = last_[static_cast<size_t>(buffer)];
      if (last != now) return;
      last = kNone;  // should it be mentioned twice here
      release(buffer, now);
    });
  }
}

// Fixed buffers keep their order, gradients have theirs.
void PositionMemory::PlaceBuffers() {
  for (BufferId buffer : place_.gradient_layout) {
    const Pool& pool = PoolOf(buffer);
    offset_[buffer.index()] = Take(pool.arena, pool.type.Bytes());
  }
  std::vector<std::vector<int64_t>> offsets(place_.pools.size());
  for (size_t i = 0; i < place_.pools.size(); ++i) {
    const Pool& pool = place_.pools[i];
    kept_[i].resize(pool.kind == Pool::Kind::kFixed ? 1 : static_cast<size_t>(pool.slots));
    for (int32_t slot = 0; slot < pool.slots; ++slot) {
      offsets[i].push_back(Take(pool.arena, pool.type.Bytes()));
    }
  }
  // Covers have no place of their own.
  std::vector<bool> covers(offset_.size(), false);
  for (const Cover& cover : place_.covers) covers[cover.buffer.index()] = true;
  for (size_t i = 0; i < offset_.size(); ++i) {
    const size_t pool_index = place_.pool_of[i].index();
    const Pool& pool = place_.pools[pool_index];
    if (pool.kind != Pool::Kind::kFixed) {
      offset_[i] = offsets[pool_index][static_cast<size_t>(slot_[i])];
    } else if (offset_[i] < 0 && !covers[i]) {
      offset_[i] = Take(pool.arena, pool.type.Bytes());
    }
  }
}

void PositionMemory::PlaceCovers() {
  for (const Cover& cover : place_.covers) {
    int64_t end = offset_[cover.parts.front().index()];
    offset_[cover.buffer.index()] = end;
    for (BufferId part : cover.parts) {
      CHECK(offset_[part.index()] == end);
      end += AlignedBytes(PoolOf(part).type.Bytes());
    }
  }
}

// Buffers that came to be the same become one.
void PositionMemory::Rename() {
  std::vector<BufferId> renamed(offset_.size());
  for (size_t i = 0; i < renamed.size(); ++i) {
    const PoolId id = place_.pool_of[i];
    const Pool& pool = place_.pools[id.index()];
    const bool fixed = pool.kind == Pool::Kind::kFixed;
    BufferId& kept = kept_[id.index()][fixed ? 0 : static_cast<size_t>(slot_[i])];
    if (!kept.valid()) {
      kept = BufferId(static_cast<int64_t>(position_.buffers.size()));
      const std::string slot = fixed ? "" : "[" + std::to_string(slot_[i]) + "]" + pool.suffix;
      position_.buffers.push_back(
          {.name = pool.name + slot, .arena = pool.arena, .offset = offset_[i], .type = pool.type});
    }
    renamed[i] = kept;
  }
  const RenameBuffers rename{renamed};
  for (Program& program : position_.programs) {
    for (Instruction& instruction : program.instructions) Visit(rename, instruction.operands);
  }
  for (BufferId& binding : position_.bindings) rename.Map(binding);
  for (ParameterSquares& row : position_.square_sums) {
    rename.Map(row.gradient), rename.Map(row.partials);
  }
  for (ParameterUpdate& row : position_.updates) {
    rename.Map(row.value), rename.Map(row.gradient), rename.Map(row.rounded);
    rename.Map(row.first_moment), rename.Map(row.second_moment);
  }
  for (BufferId& loss : position_.losses) rename.Map(loss);
  rename.Map(position_.gradient_norm);
}

}  // namespace

void AssignMemory(Draft& draft) {
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    PositionMemory(draft, PositionId(static_cast<int64_t>(p))).Run();
  }
}

}  // namespace pprun
