// Trains a plan in this process, for tests that compare what different meshes and schedules
// compute.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "runtime/backend.h"

namespace pprun {

struct Trained {
  std::vector<double> losses;          // by step, of the whole batch
  std::vector<double> gradient_norms;  // by step, if gradients are clipped
  std::vector<double> validation;      // after each step, if there is a validate program
  std::map<std::string, std::vector<float>> weights;

  bool operator==(const Trained&) const = default;
};

// All steps of the plan, on the CPU with one thread a rank. Replicas must end with the same bits; a
// difference fails the test.
Trained Train(const Plan& plan);
// The same on another backend. Validation runs after every step, so that programs alternate.
Trained Train(const Plan& plan, std::unique_ptr<Backend> backend);

// What ran when, in all steps of the plan, on the CPU with one thread a rank.
Trace TraceSteps(const Plan& plan);

}  // namespace pprun
