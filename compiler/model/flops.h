// Floating-point operations of the matrix products of an operation: two for each multiplication and
// addition. Everything else is bound by memory and not counted. Tests: flops_test.cc.
#pragma once

#include <vector>

#include "compiler/model/layer_graph.h"

namespace pprun {

double FlopsOf(const std::vector<GraphValue>& values, const GraphOperation& operation);

}  // namespace pprun
