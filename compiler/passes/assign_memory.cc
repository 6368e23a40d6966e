// Gives every buffer a slot of its pool and an offset in its arena, so that buffers alive at the
// same time never share memory.
//
// A pooled buffer lives from the first to the last instruction of its program that mentions it, in
// issue order. Slots are reused longest-free first, and a transfer pool has two where it can, so
// that a sender need not wait for the slot that it has just filled. Programs reuse each other's
// slots. After it: buffers are the plan's, one a slot; arenas have their sizes. Linear in the
// number of instructions. Tests: assign_memory_test.cc.
#include <algorithm>
#include <list>
#include <map>

#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

struct Lifetime {
  int64_t first = -1;
  int64_t last = -1;
};

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
  void operator()(Scale& scale) const { Map(scale.target), Map(scale.factor); }
  void operator()(SquareSum& sum) const { Map(sum.gradient), Map(sum.partials); }
  void operator()(ClipFactor& clip) const { Map(clip.partials), Map(clip.target); }
  void operator()(Update& update) const {
    Map(update.value), Map(update.gradient), Map(update.first_moment), Map(update.second_moment);
  }
  void operator()(Permute& permute) const { Map(permute.source), Map(permute.target); }
  void operator()(Record&) const {}
  void operator()(Wait&) const {}
};

class PositionMemory {
 public:
  PositionMemory(Draft& draft, PositionId position)
      : plan_(draft.plan),
        position_(draft.plan.positions[position.index()]),
        place_(draft.positions[position.index()]),
        slot_(position_.buffers.size(), 0) {}

  void Run() {
    for (Program& program : position_.programs) AssignSlots(program);
    PlaceBuffers();
    PlaceCovers();
    Rename();
  }

 private:
  void AssignSlots(const Program& program);
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
  std::vector<int32_t> slot_;  // by BufferId
};

void PositionMemory::AssignSlots(const Program& program) {
  std::vector<Lifetime> lifetimes(position_.buffers.size());
  std::vector<std::vector<BufferId>> mentioned;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    mentioned.push_back(BuffersOf(plan_, position_, program.instructions[i]));
    for (BufferId buffer : mentioned.back()) {
      Lifetime& lifetime = lifetimes[buffer.index()];
      if (lifetime.first < 0) lifetime.first = static_cast<int64_t>(i);
      lifetime.last = static_cast<int64_t>(i);
    }
  }
  // Lists, since most pools are fixed and have none, and an empty list is small.
  std::vector<std::list<int32_t>> free(place_.pools.size());
  std::vector<int32_t> used(place_.pools.size(), 0);
  for (size_t i = 0; i < mentioned.size(); ++i) {
    const int64_t now = static_cast<int64_t>(i);
    for (BufferId buffer : mentioned[i]) {
      const size_t pool_index = place_.pool_of[buffer.index()].index();
      Pool& pool = place_.pools[pool_index];
      if (pool.kind == Pool::Kind::kFixed || lifetimes[buffer.index()].first != now) continue;
      lifetimes[buffer.index()].first = -1;  // assigned, should it be mentioned twice here
      std::list<int32_t>& slots = free[pool_index];
      const bool fresh =
          slots.empty() || (pool.kind == Pool::Kind::kTransfer && used[pool_index] < 2);
      if (fresh) {
        slot_[buffer.index()] = used[pool_index]++;
      } else {
        slot_[buffer.index()] = slots.front();
        slots.pop_front();
      }
      pool.slots = std::max(pool.slots, used[pool_index]);
    }
    for (BufferId buffer : mentioned[i]) {
      const size_t pool_index = place_.pool_of[buffer.index()].index();
      if (place_.pools[pool_index].kind == Pool::Kind::kFixed ||
          lifetimes[buffer.index()].last != now)
        continue;
      lifetimes[buffer.index()].last = -1;
      free[pool_index].push_back(slot_[buffer.index()]);
    }
  }
}

// One buffer of the plan a slot; fixed ones keep their order, gradients have theirs.
void PositionMemory::PlaceBuffers() {
  for (BufferId buffer : place_.gradient_layout) {
    Buffer& gradient = position_.buffers[buffer.index()];
    gradient.offset = Take(gradient.arena, gradient.type.Bytes());
  }
  std::vector<std::vector<int64_t>> offsets(place_.pools.size());
  for (size_t i = 0; i < place_.pools.size(); ++i) {
    const Pool& pool = place_.pools[i];
    for (int32_t slot = 0; slot < pool.slots; ++slot)
      offsets[i].push_back(Take(pool.arena, pool.type.Bytes()));
  }
  // Covers have no place of their own.
  std::vector<bool> covers(position_.buffers.size(), false);
  for (const Cover& cover : place_.covers) covers[cover.buffer.index()] = true;
  for (size_t i = 0; i < position_.buffers.size(); ++i) {
    Buffer& buffer = position_.buffers[i];
    const Pool& pool = place_.pools[place_.pool_of[i].index()];
    if (buffer.offset >= 0) continue;
    if (pool.kind != Pool::Kind::kFixed) {
      buffer.offset = offsets[place_.pool_of[i].index()][static_cast<size_t>(slot_[i])];
      buffer.name = pool.name + "[" + std::to_string(slot_[i]) + "]" + pool.suffix;
    } else if (!covers[i]) {
      buffer.offset = Take(buffer.arena, buffer.type.Bytes());
    }
  }
}

void PositionMemory::PlaceCovers() {
  for (const Cover& cover : place_.covers) {
    int64_t end = position_.buffers[cover.parts.front().index()].offset;
    position_.buffers[cover.buffer.index()].offset = end;
    for (BufferId id : cover.parts) {
      const Buffer& part = position_.buffers[id.index()];
      CHECK(part.offset == end);
      end += AlignedBytes(part.type.Bytes());
    }
  }
}

// Buffers that came to be the same become one.
void PositionMemory::Rename() {
  std::vector<Buffer> kept;
  std::map<std::pair<int32_t, int32_t>, BufferId> by_slot;  // pool, slot
  std::vector<BufferId> renamed(position_.buffers.size());
  for (size_t i = 0; i < position_.buffers.size(); ++i) {
    const PoolId pool = place_.pool_of[i];
    const auto [entry, fresh] =
        by_slot.try_emplace({pool.value, slot_[i]}, BufferId(static_cast<int64_t>(kept.size())));
    if (fresh) kept.push_back(std::move(position_.buffers[i]));
    renamed[i] = entry->second;
  }
  position_.buffers = std::move(kept);
  const RenameBuffers rename{renamed};
  for (Program& program : position_.programs) {
    for (Instruction& instruction : program.instructions) std::visit(rename, instruction.operands);
  }
  for (BufferId& binding : position_.bindings) rename.Map(binding);
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
