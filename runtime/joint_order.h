// The order in which one thread issues a program of several ranks at once.
//
// It is the order of the verifier's second proof, in which every rank's streams are merged into
// issue order: the program of each rank is in order, and all participants of a meeting (the two
// ends of a transfer, the members of a collective) stand next to each other. So when a meeting is
// issued, all that it waits for has been issued before, on hardware queues of any number. Linear in
// the instructions of all ranks. Tests: joint_order_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

struct JointStep {
  int32_t rank = 0;
  int32_t instruction = 0;  // in the program of the rank's position

  bool operator==(const JointStep&) const = default;
};

// Throws std::runtime_error if the plan lacks the second proof.
std::vector<JointStep> JointOrder(const Plan& plan, ProgramKind program);

}  // namespace pprun
