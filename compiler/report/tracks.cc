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

// The n-th meeting on one channel or in one group, of the ranks that start with `first_rank`.
struct Key {
  ProgramKind program = ProgramKind::kStep;
  int64_t repeat = 0;
  enum class Place : uint8_t { kChannel, kGroup } place = Place::kChannel;
  int32_t id = -1;
  int64_t first_rank = 0;
  int64_t ordinal = 0;

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
    key.ordinal = ordinals_[{event.program, event.repeat, event.rank, key.place, key.id}]++;
    const auto next = static_cast<int64_t>(rendezvous_.size());
    const auto [found, fresh] = indices_.try_emplace(key, next);
    if (fresh) rendezvous_.push_back({event.begin, 0});
    Rendezvous& met = rendezvous_[static_cast<size_t>(found->second)];
    met.start = std::max(met.start, event.begin);
    ++met.participants;
    return found->second;
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
  std::map<Key, int64_t> indices_;
  std::map<std::tuple<ProgramKind, int64_t, int64_t, Key::Place, int32_t>, int64_t> ordinals_;
  std::map<std::pair<int32_t, int64_t>, int64_t> first_members_;
  std::vector<Rendezvous> rendezvous_;
};

}  // namespace

Tracks TracksOf(const Plan& plan, const Trace& trace) {
  std::map<std::pair<int64_t, StreamId>, Track> tracks;
  std::map<std::tuple<int64_t, ProgramKind, int64_t>, double> begins;  // of runs of programs
  for (const TraceEvent& event : trace.events) {
    const auto [begin, fresh] =
        begins.try_emplace({event.rank, event.program, event.repeat}, event.begin);
    if (!fresh) begin->second = std::min(begin->second, event.begin);
    const Position& position = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
    const auto& instructions = position.programs[static_cast<size_t>(event.program)].instructions;
    CHECK(static_cast<size_t>(event.instruction) < instructions.size());
    const Instruction& instruction = instructions[static_cast<size_t>(event.instruction)];
    Track& track = tracks[{event.rank, instruction.stream}];
    track.rank = event.rank;
    track.stream = instruction.stream;
    track.events.push_back({&event, &instruction, -1});
  }

  Tracks result;
  Joiner joiner(plan);
  for (auto& [key, track] : tracks) {
    // Streams keep the order of their program, and a rank's runs of programs do not overlap,
    // whatever a clock says.
    std::ranges::sort(track.events, {}, [&](const TracedInstruction& traced) {
      const TraceEvent& event = *traced.event;
      const double begin = begins.at({event.rank, event.program, event.repeat});
      return std::tuple(begin, event.program, event.repeat, event.instruction);
    });
    for (TracedInstruction& traced : track.events) {
      traced.rendezvous = joiner.Join(*traced.event, *traced.instruction);
    }
    result.tracks.push_back(std::move(track));
  }
  result.rendezvous = std::move(joiner).Finish();
  return result;
}

}  // namespace pprun
