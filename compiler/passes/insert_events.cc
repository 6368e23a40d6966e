// Every dependency between two streams of a position becomes a record and a wait.
//
// Dependencies follow from effects alone: a read after the last write, a write after the last write
// and all reads since, of overlapping bytes. A wait is left out where earlier waits already order
// the two (vector clocks, one entry a stream). After it: what a program does is determined,
// whatever the timing. Linear in instructions times streams. Tests: insert_events_test.cc.
#include <algorithm>
#include <array>
#include <span>

#include "compiler/passes/passes.h"
#include "compiler/passes/splice.h"
#include "compiler/plan/effects.h"

namespace pprun {
namespace {

constexpr int32_t kNone = -1;

// Bytes of a program's memory, as a range of segments.
struct Touched {
  size_t begin = 0;
  size_t end = 0;
  Access access = Access::kRead;
};

// The arenas cut at every boundary of an effect, so that a segment is touched wholly or not at all.
class Segments {
 public:
  explicit Segments(const std::vector<Effect>& effects) {
    for (const Effect& effect : effects) {
      Cuts& cuts = cuts_[static_cast<size_t>(effect.arena)];
      cuts.Add(effect.begin);
      cuts.Add(effect.end);
    }
    for (size_t arena = 0; arena < cuts_.size(); ++arena) {
      cuts_[arena].Tidy();
      base_[arena] = count_;
      count_ += cuts_[arena].offsets.size();
    }
  }

  size_t Count() const { return count_; }
  Touched Of(const Effect& effect) const {
    return {Find(effect.arena, effect.begin), Find(effect.arena, effect.end), effect.access};
  }

 private:
  // Effects are many and their boundaries few: doubles are dropped on the way.
  struct Cuts {
    std::vector<int64_t> offsets;
    size_t tidy_at = 1024;

    void Add(int64_t offset) {
      offsets.push_back(offset);
      if (offsets.size() >= tidy_at) Tidy();
    }
    void Tidy() {
      std::sort(offsets.begin(), offsets.end());
      offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
      tidy_at = std::max(tidy_at, 2 * offsets.size());
    }
  };

  size_t Find(ArenaKind arena, int64_t offset) const {
    const std::vector<int64_t>& cuts = cuts_[static_cast<size_t>(arena)].offsets;
    return base_[static_cast<size_t>(arena)] +
           static_cast<size_t>(std::lower_bound(cuts.begin(), cuts.end(), offset) - cuts.begin());
  }

  std::array<Cuts, kArenaCount> cuts_;
  std::array<size_t, kArenaCount> base_{};
  size_t count_ = 0;
};

class ProgramEvents {
 public:
  ProgramEvents(const Plan& plan, const Position& position, Program& program)
      : program_(program), streams_(position.streams.size()) {
    std::vector<Effect> effects;
    for (const Instruction& instruction : program.instructions) {
      AppendEffects(plan, position, instruction, effects);
      effects_end_.push_back(effects.size());
    }
    const Segments segments(effects);
    for (const Effect& effect : effects) touched_.push_back(segments.Of(effect));
    last_writer_.assign(segments.Count(), kNone);
    last_reader_.assign(segments.Count() * streams_, kNone);
    clocks_.assign(program_.instructions.size() * streams_, kNone);
    last_on_stream_.assign(streams_, kNone);
    event_of_.resize(program_.instructions.size());
  }

  void Run() {
    for (size_t i = 0; i < program_.instructions.size(); ++i) Order(static_cast<int32_t>(i));
    for (size_t i = 0; i < event_of_.size(); ++i) {
      if (!event_of_[i].valid()) continue;
      const Instruction& recorded = program_.instructions[i];
      insertions_.After(i, {recorded.stream, recorded.source, Record{event_of_[i]}});
    }
    for (const auto& [before, wait] : waits_) insertions_.Before(before, wait);
    insertions_.ApplyTo(program_.instructions);
  }

 private:
  int32_t& Clock(int32_t instruction, size_t stream) {
    return clocks_[static_cast<size_t>(instruction) * streams_ + stream];
  }
  std::span<const Touched> TouchedBy(int32_t instruction) const {
    const size_t i = static_cast<size_t>(instruction);
    const size_t begin = i == 0 ? 0 : effects_end_[i - 1];
    return std::span(touched_).subspan(begin, effects_end_[i] - begin);
  }
  void Order(int32_t instruction);
  void Await(int32_t instruction, int32_t earlier);

  Program& program_;
  size_t streams_;
  std::vector<Touched> touched_;      // of all instructions, in order
  std::vector<size_t> effects_end_;   // by instruction
  std::vector<int32_t> last_writer_;  // by segment
  std::vector<int32_t> last_reader_;  // by segment and stream, since the last write
  std::vector<int32_t> clocks_;  // by instruction and stream: the last that is known to be done
  std::vector<int32_t> last_on_stream_;
  std::vector<EventId> event_of_;  // by instruction
  std::vector<std::pair<size_t, Instruction>> waits_;
  Insertions insertions_;
};

// The instruction waits for everything it depends on, latest first, since the latest often brings
// the rest along.
void ProgramEvents::Order(int32_t instruction) {
  const size_t own = program_.instructions[static_cast<size_t>(instruction)].stream.index();
  if (last_on_stream_[own] != kNone) {
    for (size_t s = 0; s < streams_; ++s) Clock(instruction, s) = Clock(last_on_stream_[own], s);
  }
  std::vector<int32_t> needed(streams_, kNone);
  const auto need = [&](int32_t earlier) {
    if (earlier == kNone) return;
    const size_t stream = program_.instructions[static_cast<size_t>(earlier)].stream.index();
    needed[stream] = std::max(needed[stream], earlier);
  };
  for (const Touched& touched : TouchedBy(instruction)) {
    for (size_t segment = touched.begin; segment < touched.end; ++segment) {
      need(last_writer_[segment]);
      if (touched.access == Access::kRead) continue;
      for (size_t s = 0; s < streams_; ++s) need(last_reader_[segment * streams_ + s]);
    }
  }
  needed[own] = kNone;
  std::sort(needed.begin(), needed.end(), std::greater<>());
  for (int32_t earlier : needed) {
    if (earlier != kNone) Await(instruction, earlier);
  }
  Clock(instruction, own) = instruction;
  last_on_stream_[own] = instruction;
  for (const Touched& touched : TouchedBy(instruction)) {
    for (size_t segment = touched.begin; segment < touched.end; ++segment) {
      int32_t* readers = &last_reader_[segment * streams_];
      if (touched.access == Access::kRead) {
        readers[own] = instruction;
      } else {
        last_writer_[segment] = instruction;
        std::fill(readers, readers + streams_, kNone);
      }
    }
  }
}

void ProgramEvents::Await(int32_t instruction, int32_t earlier) {
  const Instruction& waiting = program_.instructions[static_cast<size_t>(instruction)];
  const size_t stream = program_.instructions[static_cast<size_t>(earlier)].stream.index();
  if (Clock(instruction, stream) >= earlier) return;
  EventId& event = event_of_[static_cast<size_t>(earlier)];
  if (!event.valid()) event = EventId(program_.events++);
  waits_.emplace_back(static_cast<size_t>(instruction),
                      Instruction{waiting.stream, waiting.source, Wait{event}});
  for (size_t s = 0; s < streams_; ++s)
    Clock(instruction, s) = std::max(Clock(instruction, s), Clock(earlier, s));
}

}  // namespace

void InsertEvents(Draft& draft) {
  for (Position& position : draft.plan.positions) {
    for (Program& program : position.programs) {
      if (program.events == 0) ProgramEvents(draft.plan, position, program).Run();
    }
  }
}

}  // namespace pprun
