#include "runtime/joint_order.h"

#include <span>
#include <stdexcept>
#include <string>

#include "compiler/plan/base/check.h"
#include "compiler/plan/semantics.h"
#include "compiler/plan/text.h"

namespace pprun {
namespace {

class Expansion {
 public:
  Expansion(const Plan& plan, ProgramKind program)
      : plan_(plan), program_(program), ranks_at_(plan.positions.size()) {
    for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
      positions_.push_back(CoordinatesOf(plan, rank).position);
      ranks_at_[positions_.back().index()].push_back(rank);
    }
    placed_.resize(positions_.size());
  }

  // Sites that run together in one replica become the steps of all replicas.
  void Add(std::span<const Site> sites) {
    const Encounter encounter = EncounterOf(At(sites[0]));
    switch (encounter.meeting) {
      case Meeting::kAlone:
      case Meeting::kRecord:
      case Meeting::kWait:
        for (const int64_t rank : RanksAt(sites[0])) Place(rank, sites[0]);
        return;
      case Meeting::kSend:
      case Meeting::kRecv:
        CHECK(sites.size() == 2);
        for (const int64_t rank : RanksAt(sites[0])) {
          const Channel& channel = plan_.channels[static_cast<size_t>(encounter.id)];
          Place(rank, sites[0]);
          Place(PeerOf(plan_, channel, rank), sites[1]);
        }
        return;
      case Meeting::kCollective:
        AddCollective(plan_.groups[static_cast<size_t>(encounter.id)], sites);
        return;
    }
  }

  std::vector<JointStep> Steps() && { return std::move(steps_); }

 private:
  const Instruction& At(const Site& site) const {
    const Position& position = plan_.positions[site.position.index()];
    return position.programs[static_cast<size_t>(program_)]
        .instructions[static_cast<size_t>(site.instruction)];
  }
  const std::vector<int64_t>& RanksAt(const Site& site) const {
    return ranks_at_[site.position.index()];
  }
  void Place(int64_t rank, const Site& site) {
    steps_.push_back({static_cast<int32_t>(rank), site.instruction});
  }

  // Each set of members whose other coordinates agree meets by itself.
  void AddCollective(const Group& group, std::span<const Site> sites) {
    ++round_;
    for (const Site& first : sites) {
      for (const int64_t rank : RanksAt(first)) {
        if (placed_[static_cast<size_t>(rank)] == round_) continue;
        for (const int64_t member : MembersOf(plan_, group, rank)) {
          const PositionId position = positions_[static_cast<size_t>(member)];
          for (const Site& site : sites) {
            if (site.position == position) Place(member, site);
          }
          placed_[static_cast<size_t>(member)] = round_;
        }
      }
    }
  }

  const Plan& plan_;
  const ProgramKind program_;
  std::vector<PositionId> positions_;           // by rank
  std::vector<std::vector<int64_t>> ranks_at_;  // by position, ascending
  std::vector<int64_t> placed_;                 // by rank: the collective that last placed it
  int64_t round_ = 0;
  std::vector<JointStep> steps_;
};

}  // namespace

std::vector<JointStep> JointOrder(const Plan& plan, ProgramKind program) {
  Expansion expansion(plan, program);
  const Outcome outcome = RunMachine(plan, program, StreamView::kMerged, 1,
                                     [&](std::span<const Site> sites) { expansion.Add(sites); });
  if (outcome.completed) return std::move(expansion).Steps();
  const Site& at = outcome.blocked.front();
  const Position& position = plan.positions[at.position.index()];
  const Instruction& instruction = position.programs[static_cast<size_t>(program)]
                                       .instructions[static_cast<size_t>(at.instruction)];
  throw std::runtime_error(
      "CUDA runs only plans that cannot hang with the streams of each rank merged into issue "
      "order; in this one position " +
      std::to_string(at.position.value) + " stops at `" + ToText(plan, position, instruction) +
      "`");
}

}  // namespace pprun
