// What a function's body does to each of its arguments, byte by byte: what it writes, and what it
// reads before it has written it, so that the caller must have. Tests: named_damage_test.cc.
#pragma once

#include <vector>

#include "compiler/plan/function.h"
#include "compiler/verify/byte_set.h"

namespace pprun {

struct ArgumentFlow {
  ByteSet written;
  ByteSet needed;  // read before they are written here
};

// One for each argument. The function's references must be valid (CheckFunction).
std::vector<ArgumentFlow> FlowOf(const Function& function);

}  // namespace pprun
