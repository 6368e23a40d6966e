// Compares the calls that a fake GPU has logged of one eager run with the plan: the ranges name the
// instructions in the joint order, each range holds the calls that its instruction is made of, and
// streams and events of the plan are streams and events of the GPU, one to one.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/joint_order.h"

namespace pprun {

class IssuedCheck {
 public:
  IssuedCheck(const Plan& plan, ProgramKind program)
      : plan_(plan), program_(program), order_(JointOrder(plan, program)) {}

  void Check(const std::vector<std::string>& log);

 private:
  using Lines = std::vector<std::string>;

  void CheckStep(const JointStep& step, const std::string& name, const Lines& calls);
  const Position& PositionOf(int64_t rank) const {
    return plan_.positions[CoordinatesOf(plan_, rank).position.index()];
  }

  const Plan& plan_;
  const ProgramKind program_;
  const std::vector<JointStep> order_;
  // From (rank, id) of the plan to the GPU's names, and that no two share one.
  std::map<std::pair<int32_t, StreamId>, std::string> streams_;
  std::map<std::string, std::pair<int32_t, StreamId>> stream_users_;
  std::map<std::pair<int32_t, EventId>, std::string> events_;
  std::map<std::string, std::pair<int32_t, EventId>> event_users_;
};

}  // namespace pprun
