#include "compiler/verify/gradient_sums.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/text_pieces.h"

namespace pprun {
namespace {

struct Term {
  ParameterUseSite use;
  MicrobatchId microbatch;

  auto operator<=>(const Term&) const = default;
};

// A gradient to be looked into, and what was done to it since.
struct Pending {
  ValueIndex value = kNoValue;
  uint32_t axes = 0;
  int32_t scales = 0;
};

std::string TermText(const Plan& plan, const Term& term) {
  return "microbatch " + std::to_string(term.microbatch.value) + " of " +
         NameOr(plan.layers, term.use.layer, "layer");
}

std::string AxesText(const Plan& plan, uint32_t axes) {
  std::string text;
  for (; axes != 0; axes &= axes - 1) {
    text += (text.empty() ? "`" : ", `") +
            plan.mesh[static_cast<size_t>(std::countr_zero(axes))].name + "`";
  }
  return text;
}

class Expansion {
 public:
  Expansion(const Plan& plan, const Values& values, const GradientExpectation& expected)
      : plan_(plan), values_(values), expected_(expected) {}

  std::optional<std::string> Run(ValueIndex gradient) {
    pending_.push_back({gradient, 0, 0});
    // Each term is a step, and so are the sums and the zero it stands on. A gradient that needs
    // many more is one that adds the same again and again.
    const size_t terms = expected_.uses.size() * static_cast<size_t>(expected_.microbatches);
    size_t steps = 4 * terms + 16 * (plan_.positions.size() + expected_.uses.size()) + 64;
    while (!pending_.empty()) {
      if (steps-- == 0) return "adds terms more than once";
      const Pending next = pending_.back();
      pending_.pop_back();
      if (const auto problem = Visit(next)) return problem;
    }
    return CompareTerms();
  }

 private:
  std::optional<std::string> Visit(Pending at) {
    if (at.value == kNoValue) return "holds bytes that nothing wrote";
    const Value& value = values_[at.value];
    switch (value.kind) {
      case Value::Kind::kZero:
        return std::nullopt;
      case Value::Kind::kContribution:
        if (const auto problem = CheckTerm(value, at)) return problem;
        terms_.push_back({{value.layer, value.ordinal}, value.microbatch});
        pending_.push_back({value.before, at.axes, at.scales});
        return std::nullopt;
      case Value::Kind::kSumOverAxes:
      case Value::Kind::kSum:
        if ((at.axes & value.axes) != 0) {
          return "is summed twice over " + AxesText(plan_, at.axes & value.axes);
        }
        at.axes |= value.axes;
        if (value.before != kNoValue) pending_.push_back({value.before, at.axes, at.scales});
        for (const ValueIndex child : value.children) {
          pending_.push_back({child, at.axes, at.scales});
        }
        return std::nullopt;
      case Value::Kind::kScaled:
        pending_.push_back({value.before, at.axes, at.scales + 1});
        return std::nullopt;
      case Value::Kind::kScratch:
      case Value::Kind::kTokens:
      case Value::Kind::kTargets:
      case Value::Kind::kActivation:
      case Value::Kind::kActivationGradient:
      case Value::Kind::kSaved:
      case Value::Kind::kLoss:
      case Value::Kind::kParameter:
      case Value::Kind::kUpdatedParameter:
      case Value::Kind::kFirstMoment:
      case Value::Kind::kSecondMoment:
      case Value::Kind::kPartials:
      case Value::Kind::kClipFactor:
        return "is added to " + Describe(plan_, value);
    }
    return std::nullopt;
  }

  std::optional<std::string> CheckTerm(const Value& value, const Pending& at) const {
    const Term term{{value.layer, value.ordinal}, value.microbatch};
    if (!std::ranges::binary_search(expected_.uses, term.use)) {
      return "holds the gradient of another parameter, from " + TermText(plan_, term);
    }
    if (at.axes != expected_.sum_over) {
      const uint32_t missing = expected_.sum_over & ~at.axes;
      if (missing != 0) {
        return "misses " + TermText(plan_, term) +
               " of the other replicas: it is not summed over " + AxesText(plan_, missing);
      }
      return "is summed over " + AxesText(plan_, at.axes & ~expected_.sum_over) +
             ", where it is no partial sum";
    }
    const int32_t scales = expected_.scaled == GradientExpectation::Scaled::kYes ? 1 : 0;
    if (at.scales != scales) {
      return "is scaled by the clip factor " + std::to_string(at.scales) + " times, not " +
             std::to_string(scales);
    }
    return std::nullopt;
  }

  std::optional<std::string> CompareTerms() {
    std::ranges::sort(terms_);
    const auto twice = std::ranges::adjacent_find(terms_);
    if (twice != terms_.end()) return "counts " + TermText(plan_, *twice) + " twice";
    // All terms are of expected uses, and different: if they are enough, they are all.
    size_t at = 0;
    for (const ParameterUseSite& use : expected_.uses) {
      for (int32_t i = 0; i < expected_.microbatches; ++i) {
        const Term wanted{use, MicrobatchId(i)};
        if (at == terms_.size() || terms_[at] != wanted) {
          return "misses " + TermText(plan_, wanted);
        }
        ++at;
      }
    }
    if (at != terms_.size()) return "counts a microbatch that does not exist";
    return std::nullopt;
  }

  const Plan& plan_;
  const Values& values_;
  const GradientExpectation& expected_;
  std::vector<Pending> pending_;
  std::vector<Term> terms_;
};

}  // namespace

std::optional<std::string> GradientProblem(const Plan& plan, const Values& values,
                                           ValueIndex gradient,
                                           const GradientExpectation& expected) {
  return Expansion(plan, values, expected).Run(gradient);
}

}  // namespace pprun
