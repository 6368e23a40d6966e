// Reverse mode: from a layer's graph to the operations that compute its gradients, each marked as
// input-gradient or weight-gradient work.
//
// The backward function is the list as it stands; its two halves are the list filtered. So both
// orders run the same operations on the same values, and leave the same bits. What holds: every
// operation's weight gradient directly follows its input gradient; gradient values are written once
// and before they are read; an input-gradient operation reads no parameter gradient and nothing
// that only weight-gradient work computes; every parameter's gradient is accumulated into exactly
// once. Tests: differentiate_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/model/layer_graph.h"

namespace pprun {

enum class Half : uint8_t { kInputGrad, kWeightGrad };

struct BackwardOperation {
  GraphOperation operation;
  Half half = Half::kInputGrad;
};

struct BackwardGraph {
  std::vector<GraphValue> values;  // the layer's, under their ids, then the gradients
  std::vector<BackwardOperation> operations;
  ValueId output_gradient;  // not valid if the layer ends in the loss
  ValueId input_gradient;   // not valid if the layer takes tokens
};

BackwardGraph Differentiate(const LayerGraph& graph);

// One operation a line, I or W first.
std::string ToText(const BackwardGraph& backward);

}  // namespace pprun
