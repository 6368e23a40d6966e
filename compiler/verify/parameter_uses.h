// Which parameter each layer's uses are of, and which uses each parameter has. Tests:
// named_damage_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "compiler/verify/gradient_sums.h"

namespace pprun {

class ParameterUses {
 public:
  explicit ParameterUses(const Plan& plan)
      : of_layer_(plan.layers.size()), of_parameter_(plan.parameters.size()) {}

  // The parameter that a use is of, where it is known.
  ParameterId Find(ParameterUseSite use) const {
    const std::vector<Use>& uses = of_layer_[use.layer.index()];
    // A layer's ordinals are consecutive, as a rule.
    const size_t guess = static_cast<size_t>(use.ordinal);
    if (guess < uses.size() && uses[guess].ordinal == use.ordinal) return uses[guess].parameter;
    const auto found = std::ranges::lower_bound(uses, use.ordinal, {}, &Use::ordinal);
    return found != uses.end() && found->ordinal == use.ordinal ? found->parameter : ParameterId();
  }
  // A use that is not known yet.
  void Add(ParameterUseSite use, ParameterId parameter) {
    std::vector<Use>& uses = of_layer_[use.layer.index()];
    uses.insert(std::ranges::lower_bound(uses, use.ordinal, {}, &Use::ordinal),
                {use.ordinal, parameter});
  }
  bool HasAny(LayerId layer) const { return !of_layer_[layer.index()].empty(); }

  // Ascending; those that were known when CollectOfParameters was called.
  const std::vector<ParameterUseSite>& Of(ParameterId parameter) const {
    return of_parameter_[parameter.index()];
  }
  void CollectOfParameters() {
    for (size_t layer = 0; layer < of_layer_.size(); ++layer) {
      for (const Use& use : of_layer_[layer]) {
        of_parameter_[use.parameter.index()].push_back(
            {LayerId(static_cast<int64_t>(layer)), use.ordinal});
      }
    }
  }

 private:
  struct Use {
    int32_t ordinal = 0;
    ParameterId parameter;
  };

  std::vector<std::vector<Use>> of_layer_;  // ascending by ordinal
  std::vector<std::vector<ParameterUseSite>> of_parameter_;
};

}  // namespace pprun
