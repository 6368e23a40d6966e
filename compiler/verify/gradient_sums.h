// What a gradient is the sum of, as a set of (parameter use, microbatch, replica). Tests:
// named_damage_test.cc, damage_test.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/verify/gradients.h"

namespace pprun {

// A layer's use of a parameter: number `ordinal` among the layer's parameters.
struct ParameterUseSite {
  LayerId layer;
  int32_t ordinal = 0;

  auto operator<=>(const ParameterUseSite&) const = default;
};

struct GradientExpectation {
  const std::vector<ParameterUseSite>& uses;  // of the parameter, ascending
  int32_t microbatches = 0;
  uint32_t sum_over = 0;  // axes
};

class GradientSums {
 public:
  // Both outlive this; what an axis is called and a layer, the plan says.
  GradientSums(const Plan& plan, const Gradients& gradients) : plan_(plan), gradients_(gradients) {}

  // What is missing from a gradient, or is in it twice; empty if it is the full sum. Linear in the
  // terms that are expected; none for the other parameters of a layer after the first.
  std::optional<std::string> Problem(Value gradient, const GradientExpectation& expected);

 private:
  // A gradient to be looked into, and what was done to it since.
  struct Pending {
    Value value;
    int32_t ordinal = 0;  // of contributions that do not say their own
    uint32_t axes = 0;
  };
  // That the last sum was full says the same of one that differs in the ordinal alone.
  struct Known {
    int32_t node = -1;
    LayerId layer;
    uint32_t sum_over = 0;

    bool operator==(const Known&) const = default;
  };

  std::optional<std::string> Expand(Value gradient, const GradientExpectation& expected);
  std::optional<std::string> Visit(Pending at, const GradientExpectation& expected);
  std::optional<std::string> Count(const GradientNode& node, const Pending& at,
                                   const GradientExpectation& expected);

  const Plan& plan_;
  const Gradients& gradients_;
  Known known_;
  std::vector<Pending> pending_;
  std::vector<int32_t> seen_;  // by use and microbatch: the last round in which it was counted
  int32_t round_ = 0;
  size_t counted_ = 0;
  size_t steps_ = 0;  // that may still be taken
};

}  // namespace pprun
