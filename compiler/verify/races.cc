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

#include "compiler/plan/base/check.h"
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
    const size_t count = body_.instructions.size();
    for (size_t i = 0; i < count; ++i) {
      if (findings_.full() || work_.TooMuch()) return;
      const Instruction& instruction = body_.instructions[i];
      stream_ = instruction.stream.index();
      clock_ = &clocks_[stream_ * streams_];
      if (const Record* record = std::get_if<Record>(&instruction.operands)) {
        ++clock_[stream_];
        std::copy_n(clock_, streams_, &recorded_[record->event.index() * streams_]);
      } else if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        ++clock_[stream_];
        const int32_t* other = &recorded_[wait->event.index() * streams_];
        for (size_t s = 0; s < streams_; ++s) clock_[s] = std::max(clock_[s], other[s]);
      } else {
        // What it touches, it touches one tick after what its stream is known to have done.
        TouchAll(static_cast<int32_t>(i));
        ++clock_[stream_];
      }
    }
  }

 private:
  // Up to the first finding.
  void TouchAll(int32_t index) {
    const Instruction& instruction = body_.instructions[static_cast<size_t>(index)];
    if (const auto* run = std::get_if<pprun::Run>(&instruction.operands)) {
      return TouchAll(*run, index);
    }
    accesses_.clear();
    AppendAccesses(plan_, position_, instruction, accesses_);
    work_.accesses += static_cast<int64_t>(accesses_.size());
    for (size_t i = 0; i < accesses_.size(); ++i) {
      const BufferAccess& access = accesses_[i];
      const JoinedAccess one{segments_.Of(access.buffer), access.access, static_cast<int32_t>(i)};
      if (!Touch(one, index)) return;
    }
  }
  void TouchAll(const struct Run& run, int32_t index) {
    const std::vector<Argument>& arguments = plan_.functions[run.function.index()].arguments;
    const BufferId* buffers = position_.bindings.data() + run.first_binding;
    work_.accesses += static_cast<int64_t>(arguments.size());
    const Footprint of_layer = segments_.Of(program_, index);
    for (const JoinedAccess& access : of_layer.accesses) {
      if (!Touch(access, index)) return;
    }
    const size_t count = arguments.size();
    for (size_t i = of_layer.arguments.size(); i < count; ++i) {
      const JoinedAccess one{segments_.Of(buffers[i], arguments[i].bytes), arguments[i].access,
                             static_cast<int32_t>(i)};
      if (!Touch(one, index)) return;
    }
  }

  SourceId SourceOf(int32_t instruction) const {
    return body_.instructions[static_cast<size_t>(instruction)].source;
  }
  // The buffer of a joined access that a segment of it is in.
  std::string Place(const JoinedAccess& access, int32_t segment, int32_t instruction) {
    accesses_.clear();
    AppendAccesses(plan_, position_, body_.instructions[static_cast<size_t>(instruction)],
                   accesses_);
    const auto buffer = [&](const BufferAccess& one) -> const Buffer& {
      return position_.buffers[one.buffer.index()];
    };
    const BufferAccess* one = &accesses_[static_cast<size_t>(access.number)];
    while (buffer(*one).offset + one->bytes <= segments_.Offset(segment)) ++one;
    return "bytes " + std::to_string(buffer(*one).offset) + " to " +
           std::to_string(buffer(*one).offset + one->bytes) + " of `" +
           std::string(Name(buffer(*one).arena)) + "`";
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
  bool Touch(const JoinedAccess& access, int32_t instruction) {
    switch (access.access) {
      case Access::kRead:
        return Touch<Access::kRead>(access, instruction);
      case Access::kWrite:
        return Touch<Access::kWrite>(access, instruction);
      case Access::kAccumulate:
        return Touch<Access::kAccumulate>(access, instruction);
    }
    CHECK(false);
  }
  template <Access kAccess>
  bool Touch(const JoinedAccess& access, int32_t instruction) {
    constexpr bool reads = kAccess != Access::kWrite;
    constexpr bool writes = kAccess != Access::kRead;
    const int32_t* const clock = clock_;
    const size_t stream = stream_;
    const int32_t now = clock[stream] + 1;
    work_.segments += access.span.end - access.span.begin;
    for (int32_t segment = access.span.begin; segment < access.span.end; ++segment) {
      LastWrite& write = states_.write(segment);
      int32_t* const read = states_.reads(segment);
      // Before what is not known to be done: by another stream, or by this very instruction.
      if (clock[write.stream] < write.clock || (reads && write.clock == kUndefined)) {
        return Explain(access, segment, instruction);
      }
      if (!writes) {
        read[stream] = now;
        write.read_by |= uint64_t{1} << stream;
        continue;
      }
      for (uint64_t readers = write.read_by; readers != 0; readers &= readers - 1) {
        const size_t s = static_cast<size_t>(std::countr_zero(readers));
        if (clock[s] < read[s]) return Explain(access, segment, instruction);
      }
      write = {now, static_cast<int32_t>(stream), 0};
    }
    return true;
  }

  // Why a segment cannot be accessed so.
  bool Explain(const JoinedAccess& access, int32_t segment, int32_t instruction) {
    const LastWrite& write = states_.write(segment);
    const int32_t* const read = states_.reads(segment);
    const int32_t now = clock_[stream_] + 1;
    const std::string place = Place(access, segment, instruction);
    const bool written_here = write.clock == now && write.stream == static_cast<int32_t>(stream_);
    const bool read_here = (write.read_by >> stream_ & 1) != 0 && read[stream_] == now;
    if (written_here || (access.access != Access::kRead && read_here)) {
      return Fail(instruction, "uses " + place + " for two operands");
    }
    if (access.access != Access::kWrite && write.clock == kUndefined) {
      return Fail(instruction, "reads " + place + " before anything has written them");
    }
    if (clock_[write.stream] < write.clock) {
      return Fail(
          instruction,
          "touches " + place + " while another stream may be writing them: no event orders the two",
          static_cast<size_t>(write.stream), write.clock);
    }
    size_t s = 0;
    while ((write.read_by >> s & 1) == 0 || read[s] <= clock_[s]) ++s;
    return Fail(instruction,
                "overwrites " + place +
                    " while another stream may be reading them: no event orders the two",
                s, read[s]);
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
  size_t stream_ = 0;              // of the instruction at hand
  int32_t* clock_ = nullptr;       // of that stream: what is known to be done before it
  std::vector<BufferAccess> accesses_;
};

void CheckPosition(const Plan& plan, const Segments& segments, PositionId id, Findings& findings) {
  const size_t streams = plan.positions[id.index()].streams.size();
  Work work;
  SegmentStates initialised(segments.count(), streams);
  ProgramRaces(plan, segments, id, ProgramKind::kInitialise, initialised, work, findings).Run();
  for (const ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
    if (ProgramOf(plan, id, program).instructions.empty()) continue;
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
