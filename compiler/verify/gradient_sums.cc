#include "compiler/verify/gradient_sums.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/text_pieces.h"

namespace pprun {
namespace {

std::string TermText(const Plan& plan, LayerId layer, MicrobatchId microbatch) {
  return "microbatch " + std::to_string(microbatch.value) + " of " +
         NameOr(plan.layers, layer, "layer");
}

std::string AxesText(const Plan& plan, uint32_t axes) {
  std::string text;
  for (; axes != 0; axes &= axes - 1) {
    text += (text.empty() ? "`" : ", `") +
            plan.mesh[static_cast<size_t>(std::countr_zero(axes))].name + "`";
  }
  return text;
}

}  // namespace

std::optional<std::string> GradientSums::Problem(Value gradient,
                                                 const GradientExpectation& expected) {
  const bool one = gradient.kind() == ValueKind::kGradient && expected.uses.size() == 1 &&
                   expected.uses[0].ordinal == gradient.number();
  Known same;
  if (one) same = {gradient.index(), expected.uses[0].layer, expected.sum_over};
  if (one && same == known_) return std::nullopt;
  auto problem = Expand(gradient, expected);
  if (one && !problem) known_ = same;
  return problem;
}

std::optional<std::string> GradientSums::Expand(Value gradient,
                                                const GradientExpectation& expected) {
  const size_t terms = expected.uses.size() * static_cast<size_t>(expected.microbatches);
  seen_.resize(std::max(seen_.size(), terms), 0);
  ++round_;
  counted_ = 0;
  pending_.assign(1, {gradient, gradient.number(), 0});
  // Each term is a step, and so are the sums and the zero it stands on. A gradient that needs many
  // more is one that adds the same again and again.
  steps_ = 4 * terms + 16 * (plan_.positions.size() + expected.uses.size()) + 64;
  while (!pending_.empty()) {
    const Pending next = pending_.back();
    pending_.pop_back();
    if (auto problem = Visit(next, expected)) return problem;
  }
  if (counted_ == terms) return std::nullopt;
  const size_t first = static_cast<size_t>(
      std::find_if(seen_.begin(), seen_.end(), [&](int32_t round) { return round != round_; }) -
      seen_.begin());
  const size_t use = first / static_cast<size_t>(expected.microbatches);
  const MicrobatchId microbatch(
      static_cast<int64_t>(first % static_cast<size_t>(expected.microbatches)));
  return "misses " + TermText(plan_, expected.uses[use].layer, microbatch);
}

// Down to where it began, or to a sum of several.
std::optional<std::string> GradientSums::Visit(Pending at, const GradientExpectation& expected) {
  while (steps_-- > 0) {
    if (at.value.kind() == ValueKind::kZero) return std::nullopt;
    const GradientNode& node = gradients_[at.value.index()];
    if (at.value.number() != kInherited) at.ordinal = at.value.number();
    switch (node.step) {
      case GradientNode::Step::kContribution:
        if (auto problem = Count(node, at, expected)) return problem;
        break;
      case GradientNode::Step::kSum:
        if ((at.axes & node.axes) != 0) {
          return "is summed twice over " + AxesText(plan_, at.axes & node.axes);
        }
        for (const Value term : gradients_.TermsOf(node)) {
          pending_.push_back({term, at.ordinal, at.axes | node.axes});
        }
        return std::nullopt;
    }
    at.value = node.before;
  }
  return "adds terms more than once";
}

// One term: a contribution, and what was done to it.
std::optional<std::string> GradientSums::Count(const GradientNode& node, const Pending& at,
                                               const GradientExpectation& expected) {
  const ParameterUseSite use{node.layer, node.ordinal == kInherited ? at.ordinal : node.ordinal};
  const auto found = std::ranges::lower_bound(expected.uses, use);
  const auto text = [&] { return TermText(plan_, node.layer, node.microbatch); };
  if (found == expected.uses.end() || *found != use) {
    return "holds the gradient of another parameter, from " + text();
  }
  if (at.axes != expected.sum_over) {
    const uint32_t missing = expected.sum_over & ~at.axes;
    if (missing != 0) {
      return "misses " + text() + " of the other replicas: it is not summed over " +
             AxesText(plan_, missing);
    }
    return "is summed over " + AxesText(plan_, at.axes & ~expected.sum_over) +
           ", where it is no partial sum";
  }
  int32_t& seen = seen_[static_cast<size_t>(found - expected.uses.begin()) *
                            static_cast<size_t>(expected.microbatches) +
                        node.microbatch.index()];
  if (seen == round_) return "counts " + text() + " twice";
  seen = round_;
  ++counted_;
  return std::nullopt;
}

}  // namespace pprun
