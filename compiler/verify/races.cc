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
#include <variant>

#include "compiler/verify/checks.h"
#include "compiler/verify/limits.h"
#include "compiler/verify/segments.h"

namespace pprun {
namespace {

constexpr int32_t kNobody = -1;

// An access in the past: the instruction, and its stream's clock when it ran.
struct PastAccess {
  int32_t instruction = kNobody;
  int32_t stream = 0;
  int32_t clock = 0;
};

struct SegmentState {
  enum class Content : uint8_t { kUndefined, kWritten } content = Content::kUndefined;
  PastAccess write;
  std::vector<PastAccess> reads;  // since that write, the last of each stream
  int32_t touched_by = kNobody;
  Access touched_as = Access::kRead;
};

class ProgramRaces {
 public:
  ProgramRaces(const Plan& plan, PositionId position, ProgramKind program, const Segments& segments,
               std::vector<SegmentState>& states, Findings& findings)
      : plan_(plan),
        id_(position),
        position_(plan.positions[position.index()]),
        program_(program),
        body_(ProgramOf(plan, position, program)),
        segments_(segments),
        states_(states),
        findings_(findings),
        streams_(position_.streams.size()),
        clocks_(streams_ * streams_, 0),
        recorded_(static_cast<size_t>(body_.events) * streams_, 0) {}

  void Run() {
    std::vector<Effect> effects;
    for (size_t i = 0; i < body_.instructions.size() && !findings_.full(); ++i) {
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
      effects.clear();
      AppendEffects(plan_, position_, instruction, effects);
      for (const Effect& effect : effects) {
        if (!Touch(effect, static_cast<int32_t>(i), instruction.stream)) break;
      }
    }
  }

 private:
  std::string NameOfInstruction(int32_t instruction) const {
    return NameOf(plan_, program_, {id_, 0, instruction});
  }
  SourceId SourceOf(int32_t instruction) const {
    return body_.instructions[static_cast<size_t>(instruction)].source;
  }
  std::string Place(const Effect& effect) const {
    return "bytes " + std::to_string(effect.begin) + " to " + std::to_string(effect.end) + " of `" +
           std::string(Name(effect.arena)) + "`";
  }

  bool Fail(int32_t instruction, const std::string& what, int32_t other) {
    std::vector<FindingNote> notes;
    if (other != kNobody) {
      notes.push_back({"the other one: " + NameOfInstruction(other), SourceOf(other)});
    }
    findings_.Add(FindingKind::kDataFlow, NameOfInstruction(instruction) + " " + what,
                  SourceOf(instruction), std::move(notes));
    return false;
  }

  // One finding an instruction; false if there was one.
  bool Touch(const Effect& effect, int32_t instruction, StreamId stream) {
    const int32_t* clock = &clocks_[stream.index() * streams_];
    const auto unordered = [&](const PastAccess& earlier) {
      return earlier.instruction != kNobody && clock[earlier.stream] < earlier.clock;
    };
    const PastAccess now{instruction, stream.value, clock[stream.index()]};
    const bool reads = effect.access != Access::kWrite;
    const bool writes = effect.access != Access::kRead;
    for (size_t i = segments_.Begin(effect); i < segments_.End(effect); ++i) {
      SegmentState& state = states_[i];
      if (state.touched_by == instruction && (writes || state.touched_as != Access::kRead)) {
        return Fail(instruction, "uses " + Place(effect) + " for two operands", kNobody);
      }
      state.touched_by = instruction;
      state.touched_as = effect.access;
      if (reads && state.content == SegmentState::Content::kUndefined) {
        return Fail(instruction, "reads " + Place(effect) + " before anything has written them",
                    kNobody);
      }
      if (unordered(state.write)) {
        return Fail(instruction,
                    "touches " + Place(effect) +
                        " while another stream may be writing them: no event orders the two",
                    state.write.instruction);
      }
      if (!writes) {
        const auto mine = std::ranges::find(state.reads, stream.value, &PastAccess::stream);
        if (mine == state.reads.end()) {
          state.reads.push_back(now);
        } else {
          *mine = now;
        }
        continue;
      }
      for (const PastAccess& read : state.reads) {
        if (!unordered(read)) continue;
        return Fail(instruction,
                    "overwrites " + Place(effect) +
                        " while another stream may be reading them: no event orders the two",
                    read.instruction);
      }
      state.reads.clear();
      state.write = now;
      state.content = SegmentState::Content::kWritten;
    }
    return true;
  }

  const Plan& plan_;
  PositionId id_;
  const Position& position_;
  ProgramKind program_;
  const Program& body_;
  const Segments& segments_;
  std::vector<SegmentState>& states_;
  Findings& findings_;
  size_t streams_;
  std::vector<int32_t> clocks_;    // by stream, then stream: how much of it is known to be done
  std::vector<int32_t> recorded_;  // by event, then stream
};

// Cuts the position's memory; empty if the effects overlap so much that walking them takes too
// long.
std::vector<SegmentState> Prepare(const Plan& plan, const Position& position, Segments& segments) {
  std::vector<Effect> effects;
  for (const Program& program : position.programs) {
    for (const Instruction& instruction : program.instructions) {
      AppendEffects(plan, position, instruction, effects);
    }
  }
  for (const Effect& effect : effects) segments.Cut(effect);
  segments.Close();
  int64_t work = 0;
  for (const Effect& effect : effects) {
    work += static_cast<int64_t>(segments.End(effect) - segments.Begin(effect));
  }
  if (work > WorkLimit(effects.size())) return {};
  return std::vector<SegmentState>(segments.count() + 1);
}

void CheckPosition(const Plan& plan, PositionId id, Findings& findings) {
  const Position& position = plan.positions[id.index()];
  Segments segments;
  const std::vector<SegmentState> blank = Prepare(plan, position, segments);
  if (blank.empty()) {
    findings.Add(FindingKind::kDataFlow, "position " + std::to_string(id.value) +
                                             ": its buffers overlap too much to be checked");
    return;
  }
  std::vector<SegmentState> initialised = blank;
  ProgramRaces(plan, id, ProgramKind::kInitialise, segments, initialised, findings).Run();
  for (const ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
    std::vector<SegmentState> states = blank;
    // The segments of arenas that persist stand together, one arena after the other.
    for (int arena = 0; arena < kArenaCount; ++arena) {
      const ArenaKind kind = static_cast<ArenaKind>(arena);
      if (!Persists(kind)) continue;
      const Effect all{kind, 0, INT64_MAX, Access::kRead};
      for (size_t i = segments.Begin(all); i < segments.End(all); ++i) {
        states[i].content = initialised[i].content;
      }
    }
    ProgramRaces(plan, id, program, segments, states, findings).Run();
  }
}

}  // namespace

void CheckRaces(const Plan& plan, Findings& findings) {
  for (size_t i = 0; i < plan.positions.size() && !findings.full(); ++i) {
    CheckPosition(plan, PositionId(static_cast<int64_t>(i)), findings);
  }
}

}  // namespace pprun
