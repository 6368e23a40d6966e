// Every dependency between two streams of a position becomes a record and a wait.
//
// Dependencies follow from effects: a read after the last write, a write after the last write and
// all reads since, of overlapping bytes. Where tasks overlap, the order in which activations come
// and go is kept too (activation_order.h). A wait is left out where earlier waits already order the
// two (vector clocks, one entry a stream). After it: what a program does, and how many activations
// it holds at once, is determined, whatever the timing. Linear in instructions times streams.
// Tests: insert_events_test.cc.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "compiler/passes/activation_order.h"
#include "compiler/passes/passes.h"
#include "compiler/plan/effects.h"

namespace pprun {
namespace {

constexpr int32_t kNone = -1;

// The pieces of a position's memory that a buffer is: [begin, end).
struct Pieces {
  size_t begin = 0;
  size_t end = 0;
};

// A position's memory, cut wherever a buffer begins or ends. A run that touches less than a buffer
// touches a workspace, which belongs to its stream: whole buffers order it as well.
class CutMemory {
 public:
  explicit CutMemory(const std::vector<Buffer>& buffers) {
    std::array<std::vector<int64_t>, kArenaCount> cuts;
    for (const Buffer& buffer : buffers) {
      std::vector<int64_t>& of_arena = cuts[static_cast<size_t>(buffer.arena)];
      of_arena.push_back(buffer.offset);
      of_arena.push_back(buffer.offset + buffer.type.Bytes());
    }
    std::array<size_t, kArenaCount> base{};
    for (size_t arena = 0; arena < cuts.size(); ++arena) {
      std::sort(cuts[arena].begin(), cuts[arena].end());
      cuts[arena].erase(std::unique(cuts[arena].begin(), cuts[arena].end()), cuts[arena].end());
      base[arena] = count_;
      count_ += cuts[arena].size();
    }
    pieces_.reserve(buffers.size());
    for (const Buffer& buffer : buffers) {
      const size_t arena = static_cast<size_t>(buffer.arena);
      const auto at = [&](int64_t offset) {
        const auto found = std::lower_bound(cuts[arena].begin(), cuts[arena].end(), offset);
        return base[arena] + static_cast<size_t>(found - cuts[arena].begin());
      };
      pieces_.push_back({at(buffer.offset), at(buffer.offset + buffer.type.Bytes())});
    }
  }

  size_t Count() const { return count_; }
  Pieces Of(BufferId buffer) const { return pieces_[buffer.index()]; }

 private:
  size_t count_ = 0;
  std::vector<Pieces> pieces_;  // by BufferId
};

class ProgramEvents {
 public:
  // `orderings` ascend.
  ProgramEvents(const Plan& plan, const Position& position, const CutMemory& memory,
                const std::vector<Ordering>& orderings, Program& program)
      : plan_(plan),
        position_(position),
        memory_(memory),
        program_(program),
        next_ordering_(orderings.begin()),
        last_ordering_(orderings.end()),
        streams_(position.streams.size()),
        last_write_(memory.Count()),
        last_read_(memory.Count() * streams_, kNone),
        clocks_(program.instructions.size() * streams_, kNone),
        last_on_stream_(streams_, kNone),
        needed_(streams_),
        event_of_(program.instructions.size()) {}

  void Run() {
    for (size_t i = 0; i < program_.instructions.size(); ++i) Order(static_cast<int32_t>(i));
    Splice();
  }

 private:
  struct LastWrite {
    int32_t instruction = kNone;
    int32_t stream = 0;
  };
  // An event that an instruction waits for.
  struct Awaited {
    int32_t instruction = 0;
    EventId event;
  };

  int32_t* ClockOf(int32_t instruction) {
    return &clocks_[static_cast<size_t>(instruction) * streams_];
  }
  void Need(Pieces pieces, Access access);
  void Touch(Pieces pieces, Access access, int32_t instruction, size_t stream);
  void Order(int32_t instruction);
  void Await(int32_t instruction, int32_t earlier, size_t stream);
  void Splice();

  const Plan& plan_;
  const Position& position_;
  const CutMemory& memory_;
  Program& program_;
  std::vector<Ordering>::const_iterator next_ordering_, last_ordering_;
  size_t streams_;
  std::vector<LastWrite> last_write_;  // by piece
  std::vector<int32_t> last_read_;     // by piece and stream, since the last write
  std::vector<int32_t> clocks_;  // by instruction and stream: the last that is known to be done
  std::vector<int32_t> last_on_stream_;
  std::vector<int32_t> needed_;    // by stream: the last that the instruction at hand depends on
  std::vector<EventId> event_of_;  // by instruction
  std::vector<Awaited> awaited_;   // ascending
  std::vector<BufferAccess> accesses_;  // of the instruction at hand
};

void ProgramEvents::Need(Pieces pieces, Access access) {
  for (size_t piece = pieces.begin; piece < pieces.end; ++piece) {
    const LastWrite& write = last_write_[piece];
    int32_t& writer = needed_[static_cast<size_t>(write.stream)];
    writer = std::max(writer, write.instruction);
    if (access == Access::kRead) continue;
    const int32_t* readers = &last_read_[piece * streams_];
    for (size_t s = 0; s < streams_; ++s) needed_[s] = std::max(needed_[s], readers[s]);
  }
}

void ProgramEvents::Touch(Pieces pieces, Access access, int32_t instruction, size_t stream) {
  for (size_t piece = pieces.begin; piece < pieces.end; ++piece) {
    int32_t* readers = &last_read_[piece * streams_];
    if (access == Access::kRead) {
      readers[stream] = instruction;
    } else {
      last_write_[piece] = {instruction, static_cast<int32_t>(stream)};
      std::fill_n(readers, streams_, kNone);
    }
  }
}

// The instruction waits for everything it depends on, latest first, since the latest often brings
// the rest along.
void ProgramEvents::Order(int32_t instruction) {
  const Instruction& ordered = program_.instructions[static_cast<size_t>(instruction)];
  const size_t own = ordered.stream.index();
  int32_t& before = last_on_stream_[own];
  if (before != kNone) std::copy_n(ClockOf(before), streams_, ClockOf(instruction));
  accesses_.clear();
  AppendAccesses(plan_, position_, ordered, accesses_);
  std::fill(needed_.begin(), needed_.end(), kNone);
  for (const BufferAccess& access : accesses_) Need(memory_.Of(access.buffer), access.access);
  for (; next_ordering_ != last_ordering_ && next_ordering_->later == instruction;
       ++next_ordering_) {
    const int32_t earlier = next_ordering_->earlier;
    int32_t& needed = needed_[program_.instructions[static_cast<size_t>(earlier)].stream.index()];
    needed = std::max(needed, earlier);
  }
  needed_[own] = kNone;
  for (;;) {
    const auto latest = std::max_element(needed_.begin(), needed_.end());
    if (*latest == kNone) break;
    Await(instruction, *latest, static_cast<size_t>(latest - needed_.begin()));
    *latest = kNone;
  }
  ClockOf(instruction)[own] = instruction;
  before = instruction;
  for (const BufferAccess& access : accesses_) {
    Touch(memory_.Of(access.buffer), access.access, instruction, own);
  }
}

// `stream` is that of the earlier one.
void ProgramEvents::Await(int32_t instruction, int32_t earlier, size_t stream) {
  int32_t* clock = ClockOf(instruction);
  if (clock[stream] >= earlier) return;
  EventId& event = event_of_[static_cast<size_t>(earlier)];
  if (!event.valid()) event = EventId(program_.events++);
  awaited_.push_back({instruction, event});
  const int32_t* other = ClockOf(earlier);
  for (size_t s = 0; s < streams_; ++s) clock[s] = std::max(clock[s], other[s]);
}

// Waits go in front of their instruction, a record right after what it records.
void ProgramEvents::Splice() {
  const std::vector<Instruction> before = std::exchange(program_.instructions, {});
  program_.instructions.reserve(before.size() + awaited_.size() +
                                static_cast<size_t>(program_.events));
  auto next = awaited_.begin();
  for (size_t i = 0; i < before.size(); ++i) {
    const Instruction& kept = before[i];
    for (; next != awaited_.end() && next->instruction == static_cast<int32_t>(i); ++next) {
      program_.instructions.push_back({kept.stream, kept.source, Wait{next->event}});
    }
    program_.instructions.push_back(kept);
    if (event_of_[i].valid()) {
      program_.instructions.push_back({kept.stream, kept.source, Record{event_of_[i]}});
    }
  }
}

}  // namespace

void InsertEvents(Draft& draft) {
  for (size_t p = 0; p < draft.plan.positions.size(); ++p) {
    Position& position = draft.plan.positions[p];
    const CutMemory memory(position.buffers);
    for (size_t kind = 0; kind < position.programs.size(); ++kind) {
      Program& program = position.programs[kind];
      if (program.events != 0) continue;
      const std::vector<Ordering> orderings = ActivationOrder(
          draft, PositionId(static_cast<int64_t>(p)), static_cast<ProgramKind>(kind));
      ProgramEvents(draft.plan, position, memory, orderings, program).Run();
    }
  }
}

}  // namespace pprun
