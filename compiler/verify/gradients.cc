#include "compiler/verify/gradients.h"

#include <algorithm>

namespace pprun {
namespace {

bool IsZero(Value value) { return value.kind() == ValueKind::kZero; }

// The same gradient of whichever ordinal.
Value Inherited(Value value) {
  return IsZero(value) ? value : Value(ValueKind::kGradient, value.index(), kInherited);
}

}  // namespace

int32_t Gradients::Shared(const GradientNode& node) {
  const int32_t newest = static_cast<int32_t>(nodes_.size()) - 1;
  if (newest >= 0) {
    const GradientNode& other = nodes_.back();
    if (other.step == node.step && other.layer == node.layer &&
        other.microbatch == node.microbatch && other.ordinal == node.ordinal &&
        other.before == node.before && node.step != GradientNode::Step::kSum) {
      return newest;
    }
  }
  nodes_.push_back(node);
  return newest + 1;
}

Value Gradients::Contribute(LayerId layer, MicrobatchId microbatch, int32_t ordinal, Value before) {
  GradientNode node{.layer = layer, .microbatch = microbatch};
  if (ordinal < kInherited && (IsZero(before) || before.number() == ordinal)) {
    node.before = Inherited(before);
    return Value(ValueKind::kGradient, Shared(node), ordinal);
  }
  node.ordinal = ordinal;
  node.before = before;
  return Value(ValueKind::kGradient, Shared(node), kMixed);
}

Value Gradients::Sum(uint32_t axes, std::span<const Value> terms) {
  inherited_.clear();
  std::ranges::copy_if(terms, std::back_inserter(inherited_),
                       [](Value term) { return !IsZero(term); });
  if (inherited_.empty()) return Value(ValueKind::kZero);
  if (inherited_.size() == 1 && axes == 0) return inherited_[0];
  int32_t ordinal = inherited_[0].number();
  for (const Value term : inherited_) {
    if (term.number() != ordinal) ordinal = kMixed;
  }
  if (ordinal != kMixed) {
    for (Value& term : inherited_) term = Inherited(term);
  }
  // Neighbours in a bucket are the same sum of the same nodes.
  if (!nodes_.empty()) {
    const GradientNode& newest = nodes_.back();
    if (newest.step == GradientNode::Step::kSum && newest.axes == axes &&
        std::ranges::equal(TermsOf(newest), inherited_)) {
      return Value(ValueKind::kGradient, static_cast<int32_t>(nodes_.size()) - 1, ordinal);
    }
  }
  const GradientNode node{.step = GradientNode::Step::kSum,
                          .axes = axes,
                          .first_term = static_cast<int32_t>(terms_.size()),
                          .terms = static_cast<int32_t>(inherited_.size())};
  terms_.insert(terms_.end(), inherited_.begin(), inherited_.end());
  return Value(ValueKind::kGradient, Shared(node), ordinal);
}

}  // namespace pprun
