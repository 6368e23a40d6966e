#include "compiler/report/tracks.h"

#include <algorithm>
#include <compare>
#include <map>
#include <tuple>
#include <utility>

#include "compiler/plan/base/check.h"
#include "compiler/plan/semantics.h"

namespace pprun {
namespace {

// The meetings on one channel or in one group, of the ranks that start with `first_rank`.
struct Key {
  ProgramKind program = ProgramKind::kStep;
  int64_t repeat = 0;
  enum class Place : uint8_t { kChannel, kGroup } place = Place::kChannel;
  int32_t id = -1;
  int64_t first_rank = 0;

  auto operator<=>(const Key&) const = default;
};

class Joiner {
 public:
  explicit Joiner(const Plan& plan) : plan_(plan) {}

  // Index of the rendezvous that the event takes part in; -1 if it meets nobody.
  int64_t Join(const TraceEvent& event, const Instruction& instruction) {
    const Encounter encounter = EncounterOf(instruction);
    Key key{.program = event.program, .repeat = event.repeat, .id = encounter.id};
    switch (encounter.meeting) {
      case Meeting::kAlone:
      case Meeting::kRecord:
      case Meeting::kWait:
        return -1;
      case Meeting::kSend:
        key.first_rank = event.rank;
        break;
      case Meeting::kRecv:
        key.first_rank =
            PeerOf(plan_, plan_.channels[static_cast<size_t>(encounter.id)], event.rank);
        break;
      case Meeting::kCollective:
        key.place = Key::Place::kGroup;
        key.first_rank = FirstMember(encounter.id, event.rank);
        break;
    }
    // Every participant counts its own; FIFO streams make the counts agree.
    const size_t ordinal =
        ordinals_[{event.program, event.repeat, event.rank, key.place, key.id}]++;
    std::vector<int64_t>& meetings = meetings_[key];
    // Some participant is at its `ordinal`-th meeting; all before it are known.
    if (ordinal == meetings.size()) {
      meetings.push_back(static_cast<int64_t>(rendezvous_.size()));
      rendezvous_.push_back({event.begin, 0});
    }
    Rendezvous& met = rendezvous_[static_cast<size_t>(meetings[ordinal])];
    met.start = std::max(met.start, event.begin);
    ++met.participants;
    return meetings[ordinal];
  }

  std::vector<Rendezvous> Finish() && { return std::move(rendezvous_); }

 private:
  int64_t FirstMember(int32_t group, int64_t rank) {
    const auto [found, fresh] = first_members_.try_emplace({group, rank});
    if (fresh) {
      found->second = MembersOf(plan_, plan_.groups[static_cast<size_t>(group)], rank).front();
    }
    return found->second;
  }

  const Plan& plan_;
  std::map<Key, std::vector<int64_t>> meetings_;  // indices, in their order
  std::map<std::tuple<ProgramKind, int64_t, int64_t, Key::Place, int32_t>, size_t> ordinals_;
  std::map<std::pair<int32_t, int64_t>, int64_t> first_members_;
  std::vector<Rendezvous> rendezvous_;
};

// A rank's run of a program.
struct ProgramRun {
  double begin = 0;
  ProgramKind program = ProgramKind::kStep;
  int64_t repeat = 0;

  auto operator<=>(const ProgramRun&) const = default;
};

struct Placed {
  const ProgramRun* run = nullptr;
  TracedInstruction traced;
};

}  // namespace

Tracks TracksOf(const Plan& plan, const Trace& trace) {
  std::map<std::pair<int64_t, StreamId>, std::vector<Placed>> tracks;
  std::map<std::tuple<int64_t, ProgramKind, int64_t>, ProgramRun> runs;
  for (const TraceEvent& event : trace.events) {
    ProgramRun& run = runs.try_emplace({event.rank, event.program, event.repeat},
                                       ProgramRun{event.begin, event.program, event.repeat})
                          .first->second;
    run.begin = std::min(run.begin, event.begin);
    const Position& position = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
    const auto& instructions = position.programs[static_cast<size_t>(event.program)].instructions;
    CHECK(static_cast<size_t>(event.instruction) < instructions.size());
    const Instruction& instruction = instructions[static_cast<size_t>(event.instruction)];
    tracks[{event.rank, instruction.stream}].push_back({&run, {&event, &instruction, -1}});
  }

  Tracks result;
  Joiner joiner(plan);
  for (auto& [key, placed] : tracks) {
    // Streams keep the order of their program, and a rank's runs of programs do not overlap,
    // whatever a clock says.
    std::ranges::sort(placed, [](const Placed& a, const Placed& b) {
      if (a.run != b.run) return *a.run < *b.run;
      return a.traced.event->instruction < b.traced.event->instruction;
    });
    Track track = {.rank = key.first, .stream = key.second, .events = {}};
    track.events.reserve(placed.size());
    for (const Placed& each : placed) {
      track.events.push_back(each.traced);
      track.events.back().rendezvous = joiner.Join(*each.traced.event, *each.traced.instruction);
    }
    result.tracks.push_back(std::move(track));
  }
  result.rendezvous = std::move(joiner).Finish();
  return result;
}

}  // namespace pprun
