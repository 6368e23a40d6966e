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

// An effect as the instruction names it: the first bytes of a buffer.
struct BufferAccess {
  BufferId buffer;
  Access access = Access::kRead;
  int64_t bytes = 0;
};

// Appends the accesses of one instruction, in the order of its operands. The plan's references must
// be valid (verify/types).
void AppendAccesses(const Plan& plan, const Position& position, const Instruction& instruction,
                    std::vector<BufferAccess>& accesses);

// Appends the effects of one instruction. The plan's references must be valid (verify/types).
void AppendEffects(const Plan& plan, const Position& position, const Instruction& instruction,
                   std::vector<Effect>& effects);

}  // namespace pprun
