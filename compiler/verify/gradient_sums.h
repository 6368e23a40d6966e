// What a gradient is the sum of, as a set of (parameter use, microbatch, replica). Tests:
// named_damage_test.cc, damage_test.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/verify/values.h"

namespace pprun {

// A layer's use of a parameter: number `ordinal` among the layer's parameters.
struct ParameterUseSite {
  LayerId layer;
  int32_t ordinal = 0;

  auto operator<=>(const ParameterUseSite&) const = default;
};

struct GradientExpectation {
  std::vector<ParameterUseSite> uses;  // of the parameter, ascending
  int32_t microbatches = 0;
  uint32_t sum_over = 0;  // axes
  enum class Scaled : uint8_t { kNo, kYes } scaled = Scaled::kNo;
};

// What is missing from a gradient, or is in it twice; empty if it is the full sum.
std::optional<std::string> GradientProblem(const Plan& plan, const Values& values,
                                           ValueIndex gradient,
                                           const GradientExpectation& expected);

}  // namespace pprun
