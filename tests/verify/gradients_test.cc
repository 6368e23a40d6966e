// Histories of gradients, shared by the parameters of a layer: what a sum is found to be is what a
// list of its terms says.
#include "compiler/verify/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "compiler/verify/gradient_sums.h"

namespace pprun {
namespace {

struct Term {
  ParameterUseSite use;
  int32_t microbatch = 0;
  uint32_t axes = 0;
};

// A gradient as the list of what it is the sum of.
struct Listed {
  Value value = Value(ValueKind::kZero);
  std::vector<Term> terms;
  bool summed_twice = false;
};

constexpr int32_t kMicrobatches = 2;

bool IsFull(const Listed& gradient, const GradientExpectation& expected) {
  if (gradient.summed_twice) return false;
  std::vector<std::pair<ParameterUseSite, int32_t>> held, wanted;
  for (const Term& term : gradient.terms) {
    if (term.axes != expected.sum_over) return false;
    held.emplace_back(term.use, term.microbatch);
  }
  for (const ParameterUseSite& use : expected.uses) {
    for (int32_t i = 0; i < kMicrobatches; ++i) wanted.emplace_back(use, i);
  }
  std::ranges::sort(held);
  return held == wanted;
}

TEST(Gradients, AreWhatTheListOfTheirTermsSays) {
  Plan plan;
  plan.mesh = {{"pp", 1}, {"dp", 2}};
  plan.layers.resize(2);
  plan.positions.resize(1);
  std::mt19937_64 random(3);
  const auto below = [&](int count) {
    return std::uniform_int_distribution<int>(0, count - 1)(random);
  };
  int full = 0, not_full = 0;
  for (int round = 0; round < 3000; ++round) {
    Gradients gradients;
    GradientSums sums(plan, gradients);
    // Three gradients to which the same is done, one of them now and then to something else.
    std::vector<Listed> all(3);
    const auto add_axes = [](Listed& to, uint32_t axes) {
      for (Term& term : to.terms) {
        to.summed_twice = to.summed_twice || (term.axes & axes) != 0;
        term.axes |= axes;
      }
    };
    const int steps = 2 + below(4);
    for (int step = 0; step < steps; ++step) {
      const int what = below(7);
      const LayerId layer(below(6) == 0 ? 1 : 0);
      const MicrobatchId microbatch(step < kMicrobatches && below(8) > 0 ? step
                                                                         : below(kMicrobatches));
      for (size_t i = 0; i < all.size(); ++i) {
        if (below(20) == 0) continue;
        Listed& gradient = all[i];
        const bool early = step < kMicrobatches;
        if (early || what < 3) {
          const int32_t ordinal = below(20) == 0 ? below(3) : static_cast<int32_t>(i);
          gradient.value = gradients.Contribute(layer, microbatch, ordinal, gradient.value);
          gradient.terms.push_back({{layer, ordinal}, microbatch.value});
        } else if (what < 5) {
          gradient.value = gradients.Sum(2, std::span(&gradient.value, 1));
          add_axes(gradient, 2);
        } else if (what == 5) {
          const Listed& other = all[static_cast<size_t>(below(3))];
          const std::vector<Value> terms = {gradient.value, other.value};
          const std::vector<Term> added = other.terms;
          gradient.summed_twice = gradient.summed_twice || other.summed_twice;
          gradient.value = gradients.Sum(0, terms);
          gradient.terms.insert(gradient.terms.end(), added.begin(), added.end());
        }
      }
    }
    for (size_t i = 0; i < all.size(); ++i) {
      const ParameterUseSite own{LayerId(0), static_cast<int32_t>(i)};
      const std::vector<std::vector<ParameterUseSite>> candidates = {
          {own}, {{LayerId(0), 0}}, {own, {LayerId(1), static_cast<int32_t>(i)}}, {}};
      for (const std::vector<ParameterUseSite>& uses : candidates) {
        for (const uint32_t axes : {0u, 2u}) {
          const GradientExpectation expected{uses, kMicrobatches, axes};
          const auto problem = sums.Problem(all[i].value, expected);
          ASSERT_EQ(!problem, IsFull(all[i], expected))
              << "round " << round << ": " << problem.value_or("nothing found");
          ++(problem ? not_full : full);
        }
      }
    }
  }
  EXPECT_GT(full, 1000);
  EXPECT_GT(not_full, 1000);
}

// What makes the checks fast: the parameters of a layer name the same nodes.
TEST(Gradients, OfOneLayerShareTheirHistory) {
  Gradients gradients;
  std::vector<Value> values(12, Value(ValueKind::kZero));
  for (int microbatch = 0; microbatch < 4; ++microbatch) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = gradients.Contribute(LayerId(0), MicrobatchId(microbatch),
                                       static_cast<int32_t>(i), values[i]);
    }
  }
  for (const Value value : values) EXPECT_EQ(value.index(), values[0].index());
  EXPECT_EQ(values[0].index(), 3);
  EXPECT_EQ(values[7].number(), 7);
}

}  // namespace
}  // namespace pprun
