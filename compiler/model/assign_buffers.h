// Gives every value of a layer its memory, and so makes functions of its operations: in an argument
// that the caller binds, or at an offset in the frame, the stash or the workspace.
//
// Arguments are in the order of Role, parameters and gradients by ordinal, and only those that a
// function accesses are there. What holds: views lie inside their arguments; frame and stash
// offsets are the same in all functions of the layer; values of a workspace that are alive at the
// same time share no byte; forward alone writes the frame, and no backward function reads the
// layer's output.
//
//   saved values that only the input gradient reads   kFrameInput
//   saved values that the weight gradient reads       kFrameWeight
//   gradients from one half to the other              kStash, but kWorkspace in backward
//   everything else that is computed                  kWorkspace
//
// Where a saved value may replace an operand that nothing reads later, it has its memory.
//
// A weight gradient may read the layer's input and output gradient too: it then has these
// arguments. Tests: assign_buffers_test.cc and golden/layers/.
#pragma once

#include <cstdint>
#include <optional>

#include "compiler/model/fuse.h"
#include "compiler/plan/function.h"

namespace pprun {

struct LayerFunctions {
  Function forward;
  Function evaluate;
  // Absent where there is nothing to do.
  std::optional<Function> backward;
  std::optional<Function> input_grad;
  std::optional<Function> weight_grad;
  int64_t frame_input_bytes = 0;
  int64_t frame_weight_bytes = 0;
  int64_t stash_bytes = 0;
};

LayerFunctions AssignBuffers(const FusedLayer& layer);

}  // namespace pprun
