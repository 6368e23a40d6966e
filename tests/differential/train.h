// Trains a plan in this process, for tests that compare what different meshes and schedules
// compute.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

struct Trained {
  std::vector<double> losses;          // by step, of the whole batch
  std::vector<double> gradient_norms;  // by step, if gradients are clipped
  std::vector<double>
      validation;  // one run of the validate program after the last step, if there is one
  std::map<std::string, std::vector<float>> weights;

  bool operator==(const Trained&) const = default;
};

// All steps of the plan, on one thread a rank. Replicas must end with the same bits; a difference
// fails the test.
Trained Train(const Plan& plan);

}  // namespace pprun
