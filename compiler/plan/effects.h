// What an instruction reads and writes: data, so that nobody has to know an instruction to order
// it. An effect is a byte range of an arena of the position. Tests: effects_test.cc.
#pragma once

#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

struct Effect {
  ArenaKind arena = ArenaKind::kWorkspace;
  int64_t begin = 0;
  int64_t end = 0;
  Access access = Access::kRead;
};

// Appends the effects of one instruction. The plan's references must be valid (verify/types).
void AppendEffects(const Plan& plan, const Position& position, const Instruction& instruction,
                   std::vector<Effect>& effects);

}  // namespace pprun
