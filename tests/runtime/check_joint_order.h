// What every joint order must be, checked against the plan alone: each rank's program whole and in
// order, the participants of a meeting next to each other, every event recorded before it is waited
// for.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/semantics.h"
#include "runtime/joint_order.h"

namespace pprun {

class JointOrderCheck {
 public:
  JointOrderCheck(const Plan& plan, ProgramKind program)
      : plan_(plan), program_(program), order_(JointOrder(plan, program)) {
    next_.resize(static_cast<size_t>(plan.Ranks()));
  }

  void Check() {
    for (size_t at = 0; at < order_.size();) {
      const Encounter encounter = EncounterOf(At(order_[at]));
      const std::vector<int64_t> ranks = RanksOf(order_[at], encounter);
      ASSERT_LE(at + ranks.size(), order_.size());
      for (size_t i = 0; i < ranks.size(); ++i) {
        const JointStep& step = order_[at + i];
        ASSERT_EQ(step.rank, ranks[i]) << "step " << at + i;
        ASSERT_EQ(step.instruction, next_[static_cast<size_t>(step.rank)]++);
        const Encounter own = EncounterOf(At(step));
        ASSERT_EQ(own.id, encounter.id);
        const bool ends_transfer = encounter.meeting == Meeting::kSend && i == 1;
        ASSERT_EQ(own.meeting, ends_transfer ? Meeting::kRecv : encounter.meeting);
        if (own.meeting == Meeting::kRecord) recorded_.insert({step.rank, own.id});
        if (own.meeting == Meeting::kWait) {
          ASSERT_TRUE(recorded_.contains({step.rank, own.id}));
        }
      }
      at += ranks.size();
    }
    for (size_t rank = 0; rank < next_.size(); ++rank) {
      EXPECT_EQ(next_[rank], static_cast<int32_t>(ProgramOf(static_cast<int32_t>(rank)).size()));
    }
  }

 private:
  const std::vector<Instruction>& ProgramOf(int32_t rank) const {
    const PositionId position = CoordinatesOf(plan_, rank).position;
    return plan_.positions[position.index()].programs[static_cast<size_t>(program_)].instructions;
  }
  const Instruction& At(const JointStep& step) const {
    return ProgramOf(step.rank)[static_cast<size_t>(step.instruction)];
  }
  // Of the meeting that begins with the step, in their order.
  std::vector<int64_t> RanksOf(const JointStep& step, Encounter encounter) const {
    if (encounter.meeting == Meeting::kSend) {
      const Channel& channel = plan_.channels[static_cast<size_t>(encounter.id)];
      return {step.rank, PeerOf(plan_, channel, step.rank)};
    }
    if (encounter.meeting == Meeting::kCollective) {
      return MembersOf(plan_, plan_.groups[static_cast<size_t>(encounter.id)], step.rank);
    }
    return {step.rank};
  }

  const Plan& plan_;
  const ProgramKind program_;
  const std::vector<JointStep> order_;
  std::vector<int32_t> next_;  // by rank
  std::set<std::pair<int32_t, int32_t>> recorded_;
};

inline void CheckJointOrder(const Plan& plan) {
  for (int program = 0; program < kProgramCount; ++program) {
    JointOrderCheck(plan, static_cast<ProgramKind>(program)).Check();
  }
}

}  // namespace pprun
