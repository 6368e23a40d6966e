// A plan made by hand, for tests of everything that sees plans alone: an embedding and a head, on
// one position or two, with transfers, data-parallel sums, clipping and Adam as wanted.
//
// Every instruction waits for the one issued before it, so the plan is proven in whatever order its
// tasks can run; tests damage it from there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// What one position does, in issue order.
struct BuiltTask {
  enum class What : uint8_t {
    kForward,
    kBackward,
    kInputGrad,
    kWeightGrad,
    kSendActivation,
    kRecvActivation,
    kSendGradient,
    kRecvGradient,
  } what = What::kForward;
  int32_t microbatch = 0;
};
using BuiltOrder = std::vector<BuiltTask>;

struct PlanToBuild {
  int32_t positions = 2;  // 1 or 2
  int32_t dp = 1;
  int32_t microbatches = 3;
  int32_t slots = 2;  // of frames and activations; microbatch i uses slot i % slots
  double clip = 0;
  enum class Tied : uint8_t { kNo, kYes } tied = Tied::kNo;  // the head's weight is the table
  enum class Halves : uint8_t { kTogether, kApart } halves = Halves::kTogether;
  enum class Validate : uint8_t { kNo, kYes } validate = Validate::kYes;
};

// One forward, one backward, for two positions with the transfers where they cannot hang.
std::vector<BuiltOrder> DefaultOrder(const PlanToBuild& what);

Plan BuildPlan(const PlanToBuild& what = {});
// The step in another order, right or wrong.
Plan BuildPlan(const PlanToBuild& what, const std::vector<BuiltOrder>& order);

// The step of a position, and the first of its instructions whose text has `text` in it.
std::vector<Instruction>& StepOf(Plan& plan, size_t position);
size_t FindInstruction(const Plan& plan, size_t position, const std::string& text,
                       size_t occurrence = 0);

}  // namespace pprun
