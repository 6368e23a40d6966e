// data_flow, first part: nothing is read before it is written, and of two instructions that touch
// the same bytes, one writing, one happens before the other whatever the timing.
//
// Happens-before is stream order, record before wait, and what follows from these: within one
// position, since memory is a position's own. That a message went out and an answer came back
// orders nothing here, although it does in fact: a plan must not rest on it. A wait comes after its
// record in issue order (matching), so one walk in issue order with a clock vector a stream
// decides. Parameters and optimizer state start as `initialise` leaves them, everything else
// undefined; a second run of the step starts with no less, so one proves two. Cost: instructions
// times streams, and segments touched. Tests: damage_test.cc.
#include <algorithm>
#include <bit>
#include <variant>

#include "compiler/plan/effects.h"
#include "compiler/verify/checks.h"
#include "compiler/verify/limits.h"
#include "compiler/verify/segments.h"

namespace pprun {
namespace {

// What is known of a segment: when it was written last, and by each stream read since, in clocks
// of the streams, which begin at 1.
constexpr int32_t kUndefined = -1;  // nothing was ever written
constexpr int32_t kBefore = 0;      // written before the program began

struct LastWrite {
  int32_t clock = kUndefined;
  int32_t stream = 0;
  uint64_t read_by = 0;  // streams that have read it since, as bits
};
static_assert(kMaxStreams <= 64);

class SegmentStates {
 public:
  SegmentStates(size_t segments, size_t streams)
      : streams_(streams), writes_(segments), reads_(segments * streams) {}

  LastWrite& write(int32_t segment) { return writes_[static_cast<size_t>(segment)]; }
  // By stream: when it last read the segment, if it has since it was written.
  int32_t* reads(int32_t segment) {
    return reads_.data() + static_cast<size_t>(segment) * streams_;
  }

 private:
  size_t streams_;
  std::vector<LastWrite> writes_;
  std::vector<int32_t> reads_;
};

// Walking segments that overlap too much would take too long: more than any real plan needs.
struct Work {
  int64_t accesses = 0;
  int64_t segments = 0;

  bool TooMuch() const { return segments > WorkLimit(static_cast<size_t>(accesses)); }
};

class ProgramRaces {
 public:
  ProgramRaces(const Plan& plan, const Segments& segments, PositionId position, ProgramKind program,
               SegmentStates& states, Work& work, Findings& findings)
      : plan_(plan),
        segments_(segments),
        id_(position),
        position_(plan.positions[position.index()]),
        program_(program),
        body_(ProgramOf(plan, position, program)),
        states_(states),
        work_(work),
        findings_(findings),
        streams_(position_.streams.size()),
        clocks_(streams_ * streams_, 0),
        recorded_(static_cast<size_t>(body_.events) * streams_, 0) {}

  void Run() {
    std::vector<BufferAccess> accesses;
    for (size_t i = 0; i < body_.instructions.size(); ++i) {
      if (findings_.full() || work_.TooMuch()) return;
      const Instruction& instruction = body_.instructions[i];
      const size_t stream = instruction.stream.index();
      int32_t* clock = &clocks_[stream * streams_];
      ++clock[stream];
      if (const Record* record = std::get_if<Record>(&instruction.operands)) {
        std::copy_n(clock, streams_, &recorded_[record->event.index() * streams_]);
        continue;
      }
      if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        const int32_t* other = &recorded_[wait->event.index() * streams_];
        for (size_t s = 0; s < streams_; ++s) clock[s] = std::max(clock[s], other[s]);
        continue;
      }
      accesses.clear();
      AppendAccesses(plan_, position_, instruction, accesses);
      work_.accesses += static_cast<int64_t>(accesses.size());
      for (const BufferAccess& access : accesses) {
        if (!Touch(access, static_cast<int32_t>(i), stream, clock)) break;
      }
    }
  }

 private:
  SourceId SourceOf(int32_t instruction) const {
    return body_.instructions[static_cast<size_t>(instruction)].source;
  }
  std::string Place(const BufferAccess& access) const {
    const Buffer& buffer = position_.buffers[access.buffer.index()];
    return "bytes " + std::to_string(buffer.offset) + " to " +
           std::to_string(buffer.offset + access.bytes) + " of `" +
           std::string(Name(buffer.arena)) + "`";
  }

  // One finding an instruction.
  bool Fail(int32_t instruction, const std::string& what, std::vector<FindingNote> notes = {}) {
    findings_.Add(FindingKind::kDataFlow,
                  NameOf(plan_, program_, {id_, 0, instruction}) + " " + what,
                  SourceOf(instruction), std::move(notes));
    return false;
  }
  // With the instruction at which a stream's clock came to a value.
  bool Fail(int32_t instruction, const std::string& what, size_t stream, int32_t clock) {
    for (size_t i = 0; i < body_.instructions.size(); ++i) {
      if (body_.instructions[i].stream.index() != stream || --clock > 0) continue;
      const int32_t other = static_cast<int32_t>(i);
      return Fail(
          instruction, what,
          {{"the other one: " + NameOf(plan_, program_, {id_, 0, other}), SourceOf(other)}});
    }
    return Fail(instruction, what);
  }

  // False after a finding.
  bool Touch(const BufferAccess& access, int32_t instruction, size_t stream, const int32_t* clock) {
    const int32_t now = clock[stream];
    const bool reads = access.access != Access::kWrite;
    const bool writes = access.access != Access::kRead;
    const Span span = segments_.Of(access.buffer, access.bytes);
    work_.segments += span.end - span.begin;
    for (int32_t segment = span.begin; segment < span.end; ++segment) {
      LastWrite& write = states_.write(segment);
      int32_t* const read = states_.reads(segment);
      const bool written_here = write.clock == now && write.stream == static_cast<int32_t>(stream);
      const uint64_t own = uint64_t{1} << stream;
      const bool read_here = (write.read_by & own) != 0 && read[stream] == now;
      if (written_here || (writes && read_here)) {
        return Fail(instruction, "uses " + Place(access) + " for two operands");
      }
      if (reads && write.clock == kUndefined) {
        return Fail(instruction, "reads " + Place(access) + " before anything has written them");
      }
      if (clock[write.stream] < write.clock) {
        return Fail(instruction,
                    "touches " + Place(access) +
                        " while another stream may be writing them: no event orders the two",
                    static_cast<size_t>(write.stream), write.clock);
      }
      if (!writes) {
        read[stream] = now;
        write.read_by |= own;
        continue;
      }
      for (uint64_t readers = write.read_by; readers != 0; readers &= readers - 1) {
        const size_t s = static_cast<size_t>(std::countr_zero(readers));
        if (read[s] <= clock[s]) continue;
        return Fail(instruction,
                    "overwrites " + Place(access) +
                        " while another stream may be reading them: no event orders the two",
                    s, read[s]);
      }
      write = {now, static_cast<int32_t>(stream), 0};
    }
    return true;
  }

  const Plan& plan_;
  const Segments& segments_;
  PositionId id_;
  const Position& position_;
  ProgramKind program_;
  const Program& body_;
  SegmentStates& states_;
  Work& work_;
  Findings& findings_;
  size_t streams_;
  std::vector<int32_t> clocks_;    // by stream, then stream: how much of it is known to be done
  std::vector<int32_t> recorded_;  // by event, then stream
};

void CheckPosition(const Plan& plan, const Segments& segments, PositionId id, Findings& findings) {
  const size_t streams = plan.positions[id.index()].streams.size();
  Work work;
  SegmentStates initialised(segments.count(), streams);
  ProgramRaces(plan, segments, id, ProgramKind::kInitialise, initialised, work, findings).Run();
  for (const ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
    SegmentStates states(segments.count(), streams);
    for (int arena = 0; arena < kArenaCount; ++arena) {
      const ArenaKind kind = static_cast<ArenaKind>(arena);
      if (!Persists(kind)) continue;
      for (int32_t i = segments.Of(kind).begin; i < segments.Of(kind).end; ++i) {
        if (initialised.write(i).clock != kUndefined) states.write(i).clock = kBefore;
      }
    }
    ProgramRaces(plan, segments, id, program, states, work, findings).Run();
  }
  if (work.TooMuch()) {
    findings.Add(FindingKind::kDataFlow, "position " + std::to_string(id.value) +
                                             ": its buffers overlap too much to be checked");
  }
}

}  // namespace

void CheckRaces(const Plan& plan, const std::vector<Segments>& segments, Findings& findings) {
  for (size_t i = 0; i < plan.positions.size() && !findings.full(); ++i) {
    CheckPosition(plan, segments[i], PositionId(static_cast<int64_t>(i)), findings);
  }
}

}  // namespace pprun
