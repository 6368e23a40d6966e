// The order of tasks in plans built by hand, and how tests find one of their instructions.
#include "compiler/plan/base/check.h"
#include "compiler/plan/text.h"
#include "tests/plan/plan_builder.h"

namespace pprun {

using What = BuiltTask::What;

std::vector<BuiltOrder> DefaultOrder(const PlanToBuild& what) {
  std::vector<BuiltOrder> order(static_cast<size_t>(what.positions));
  const int32_t count = what.microbatches;
  const bool apart = what.halves == PlanToBuild::Halves::kApart;
  const auto add = [&](size_t position, What task, int32_t microbatch) {
    if (microbatch < count) order[position].push_back({task, microbatch});
  };
  if (what.positions == 1) {
    for (int32_t i = 0; i < count; ++i) {
      add(0, What::kForward, i);
      add(0, apart ? What::kInputGrad : What::kBackward, i);
      if (apart) add(0, What::kWeightGrad, i);
    }
    return order;
  }
  add(0, What::kForward, 0);
  add(0, What::kSendActivation, 0);
  add(1, What::kRecvActivation, 0);
  for (int32_t i = 0; i < count; ++i) {
    add(0, What::kForward, i + 1);
    add(0, What::kSendActivation, i + 1);
    add(0, What::kRecvGradient, i);
    add(0, apart ? What::kWeightGrad : What::kBackward, i);
    add(1, What::kForward, i);
    add(1, What::kRecvActivation, i + 1);
    add(1, apart ? What::kInputGrad : What::kBackward, i);
    add(1, What::kSendGradient, i);
    if (apart) add(1, What::kWeightGrad, i);
  }
  return order;
}

std::vector<Instruction>& StepOf(Plan& plan, size_t position) {
  return plan.positions[position].programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
}

size_t FindInstruction(const Plan& plan, size_t position, const std::string& text,
                       size_t occurrence) {
  const Position& at = plan.positions[position];
  const auto& step = at.programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
  for (size_t i = 0; i < step.size(); ++i) {
    const std::string line = ToText(plan, at, step[i]);
    if (line.find(text) != line.npos && occurrence-- == 0) return i;
  }
  CHECK(false);
}

}  // namespace pprun
