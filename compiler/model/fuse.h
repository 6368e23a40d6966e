// Joins operations of a layer where the second reads what the first has just written, so that a
// device does both in one pass over memory: the fourth step of the model, after differentiation.
//
//   linear, gelu_tanh                      linear_gelu_tanh
//   linear, add                            linear_add
//   linear_input_grad, gelu_tanh_grad      linear_input_grad_gelu_tanh
//   add, layer_norm (rms_norm)             add_layer_norm (add_rms_norm)
//   norm's input_grad, add                 the same, with what is added as `passed`
//   cross_entropy, cross_entropy_grad      cross_entropy_with_grad, in the forward: the loss is the
//                                          last thing a step computes, so its gradient is known
//                                          then
//
// What holds after it: each value has the value that it had (on a CPU the same bits); backward is
// still its input-gradient operations and its weight-gradient operations, interleaved; a joined
// pair is of one half, or all of it forward. Tests: fuse_test.cc and golden/layers/.
#pragma once

#include "compiler/model/differentiate.h"
#include "compiler/model/layer_graph.h"

namespace pprun {

// What a layer's functions are made from.
struct FusedLayer {
  LayerGraph forward;  // its values are the first of backward's
  BackwardGraph backward;
  LayerGraph evaluate;  // without what only trains
};

FusedLayer Fuse(LayerGraph graph, BackwardGraph backward);

}  // namespace pprun
