// The tensor that each argument of each function is, for those that are one tensor. Tests:
// named_damage_test.cc.
#pragma once

#include <optional>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// [function][argument]; empty for regions that hold several tensors (frames, stash, workspace), and
// where no view covers the whole argument.
using ArgumentTypes = std::vector<std::vector<std::optional<TensorType>>>;

ArgumentTypes ArgumentTypesOf(const Plan& plan);

}  // namespace pprun
