// The order in which one thread issues all ranks: every rank's program in its order, meetings
// together, records before waits.
#include "runtime/joint_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <variant>

#include "tests/runtime/check_joint_order.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

TEST(JointOrder, KeepsMeetingsTogether) {
  for (const int32_t positions : {1, 2}) {
    for (const int32_t replicas : {1, 2, 4}) {
      SCOPED_TRACE(testing::Message() << positions << " positions, " << replicas << " replicas");
      CheckJointOrder(Build({.positions = positions, .replicas = replicas, .clip = 1}));
    }
  }
}

// Both positions send first: each stream alone could go on, a rank as a whole cannot.
TEST(JointOrder, RefusesAPlanThatHangsInIssueOrder) {
  Plan plan = Build({.positions = 2});
  for (Position& position : plan.positions) {
    auto& program = position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
    std::ranges::stable_partition(
        program, [](const Instruction& one) { return std::holds_alternative<Send>(one.operands); });
  }
  try {
    JointOrder(plan, ProgramKind::kStep);
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    const std::string what = error.what();
    EXPECT_TRUE(
        what.starts_with("CUDA runs only plans that cannot hang with the streams of each "
                         "rank merged into issue order; in this one position 0 stops at "
                         "`send"))
        << what;
  }
}

}  // namespace
}  // namespace pprun
