// How gradients came to be: each is a node that says what it held before and what was done to it.
//
// The parameters of a layer have the same history, run by run, and differ only in their ordinal. So
// a node does not say which ordinal its contributions are of, as long as all are of one: the value
// that names the node does, and all parameters of a layer share the nodes of one. What is zero
// stays so, whatever is done to it. Tests: gradients_test.cc, named_damage_test.cc, damage_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/verify/values.h"

namespace pprun {

// Ordinals of gradient values besides those of parameters.
inline constexpr int32_t kMixed = (1 << Value::kNumberBits) - 1;      // contributions say their own
inline constexpr int32_t kInherited = (1 << Value::kNumberBits) - 2;  // of who names the node

struct GradientNode {
  enum class Step : uint8_t { kContribution, kSum } step = Step::kContribution;
  // kContribution: of `microbatch` through `layer`, to the parameter `ordinal`.
  LayerId layer;
  MicrobatchId microbatch;
  int32_t ordinal = kInherited;
  // kContribution: what it is added to.
  Value before;
  // kSum: of some values, and over axes: times replicas.
  uint32_t axes = 0;
  int32_t first_term = 0;
  int32_t terms = 0;
};

// Values that are given are gradients, IsGradient.
class Gradients {
 public:
  Value Contribute(LayerId layer, MicrobatchId microbatch, int32_t ordinal, Value before);
  Value Sum(uint32_t axes, std::span<const Value> terms);

  const GradientNode& operator[](int32_t node) const { return nodes_[static_cast<size_t>(node)]; }
  std::span<const Value> TermsOf(const GradientNode& node) const {
    return std::span(terms_).subspan(static_cast<size_t>(node.first_term),
                                     static_cast<size_t>(node.terms));
  }

 private:
  // The newest node, if it is the same; a new one otherwise.
  int32_t Shared(const GradientNode& node);

  std::vector<GradientNode> nodes_;
  std::vector<Value> terms_;
  std::vector<Value> inherited_;  // room for Sum
};

}  // namespace pprun
