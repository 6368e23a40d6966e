// A function: the body of a `run`. A flat list of operations on views of its arguments, shared by
// all identical layers.
//
// An argument is one region of memory that the caller binds to a buffer; a view is a typed piece of
// an argument. Whoever calls it need not know the views, and whoever runs it need not know the
// caller. What holds of a function in a proven plan: views lie inside their arguments, operand
// shapes fit the operation's signature, an argument is accessed only as it declares, and nothing is
// read before it is written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/ids.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/task_kind.h"
#include "compiler/plan/types.h"

namespace pprun {

// What an argument is to the caller, and so which buffer is bound to it.
enum class Role : uint8_t {
  kParameter,       // of the layer, in order
  kGradient,        // of the layer's parameters, in order; accumulated into
  kInput,           // activation from the layer before
  kOutput,          // activation for the layer after
  kOutputGradient,  // from the layer after
  kInputGradient,   // for the layer before
  kTokens,          // i32[b, s]
  kTargets,         // i32[b, s]
  kLoss,            // f64[]
  kFrameInput,      // saved by forward until the input gradient has run
  kFrameWeight,     // saved by forward until the weight gradient has run
  kStash,           // left by the input gradient for the weight gradient
  kWorkspace,       // undefined before and after
};
inline constexpr int kRoleCount = 13;
std::string_view Name(Role role);

struct Argument {
  Role role = Role::kWorkspace;
  Access access = Access::kRead;  // of the call as a whole; a workspace is written
  int64_t bytes = 0;
  int32_t ordinal = 0;  // among the layer's parameters, for kParameter and kGradient
};

struct View {
  int32_t argument = -1;
  int64_t offset = 0;  // bytes, a multiple of 64 except within packed parameters
  TensorType type;
};

struct Operation {
  OpKind kind = OpKind::kAdd;
  OpAttributes attributes;
  std::vector<ViewId>
      operands;       // as Signature(kind) orders them; an absent optional one is not valid()
  std::string label;  // "attn.qkv"
};

// Where a segment's operations run: on the compute stream of the call, or on a mesh axis's.
struct Segment {
  AxisId axis;  // none: compute
  int32_t first = 0;
  int32_t count = 0;
};

struct Function {
  std::string name;  // "block.forward"
  TaskKind kind = TaskKind::kForward;
  std::vector<Argument> arguments;
  std::vector<View> views;
  std::vector<Operation> operations;
  std::vector<Segment> segments;
  double flops = 0;  // of its matrix products, for one call
};

}  // namespace pprun
