// What each operation's backward work consists of, as data: an operation for the input gradient,
// one for the weight gradient, and where their operands come from.
//
// Everything else about differentiation follows from this table: what forward must save (the
// forward values that either half reads), until when (the input gradient, or the weight gradient),
// and what the first half leaves for the second (the output gradients that the weight half reads).
// Tests: differentiate_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "compiler/plan/operation.h"

namespace pprun {

// Where an operand of a gradient operation comes from.
struct GradientOperand {
  enum class From : uint8_t {
    kForward,   // the forward operation's operand itself
    kGradient,  // its gradient: read if it is a result, written or accumulated into otherwise
    kAbsent,    // an optional operand that is not there
  } from = From::kForward;
  int8_t operand = 0;  // of the forward operation
};

// One half; without operands there is nothing to do.
struct GradientHalf {
  OpKind kind = OpKind::kAdd;
  std::span<const GradientOperand> operands;  // as Signature(kind) orders them
};

struct GradientRule {
  OpKind kind = OpKind::kAdd;  // of the forward operation
  GradientHalf input;
  GradientHalf weight;
  // Operands whose gradient is the result's gradient itself, and the result.
  std::span<const int8_t> passed;
  int8_t result = 0;
};

// For every kind that a layer graph consists of.
const GradientRule& RuleFor(OpKind forward);

}  // namespace pprun
