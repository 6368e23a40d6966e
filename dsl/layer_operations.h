// The operations that a layer may have, as data: name, kind and arguments. Adding one means a line
// here, its settings in check_operation.cc, and its meaning in compiler/model. Tests:
// checker_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dsl/arguments.h"
#include "dsl/checked.h"

namespace pprun {

struct OperationRule {
  std::string name;
  LayerOpKind kind = LayerOpKind::kLinear;
  std::vector<CallParameter> parameters;
};

const std::vector<OperationRule>& OperationRules();

// As the language writes it; `gelu` for both of its forms.
std::string_view Name(LayerOpKind kind);

}  // namespace pprun
