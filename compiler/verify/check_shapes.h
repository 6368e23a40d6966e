// The shape rule of every operation. Tests: check_shapes_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "compiler/plan/function.h"

namespace pprun {

// What is wrong with the types of an operation's operands; `types` are as Signature(kind) orders
// them, valid (ElementsIfValid), null where an optional operand is absent.
std::optional<std::string> ShapeProblem(const Operation& operation,
                                        std::span<const TensorType* const> types);

}  // namespace pprun
