// Splits the instances into stages, contiguous and in order.
//
// Two dynamic programmes over suffixes: the first finds the least possible weight of the heaviest
// stage, the second, among the splits that reach it, the one with the least sum of squares, so that
// the other stages are even too; ties go to the split whose earlier stages are larger. O(stages *
// instances * log instances) and, where stages can be even, little more; at worst O(stages *
// instances * stage length).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "compiler/model/model.h"
#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

using Stages = std::vector<std::vector<int32_t>>;

double WeightOf(const CompiledModel& model, const CompiledLayer& layer, Balance balance) {
  switch (balance) {
    case Balance::kFlops: {
      double flops = layer.forward_flops;
      if (layer.backward.valid()) flops += model.functions[layer.backward.index()].flops;
      return flops;
    }
    case Balance::kParameters:
      return static_cast<double>(layer.parameter_elements);
    case Balance::kLayers:
      return 1;
  }
  CHECK(false);
  return 0;
}

struct Weights {
  std::vector<double> before;  // before[i]: of instances [0, i)

  size_t size() const { return before.size() - 1; }
  double Of(size_t begin, size_t end) const { return before[end] - before[begin]; }
  // The last instance with at most so much before it.
  size_t LastBefore(double weight) const {
    return static_cast<size_t>(std::ranges::upper_bound(before, weight) - before.begin()) - 1;
  }
  // The first one from which on there is at most so much.
  size_t FirstAfter(double weight) const {
    const auto more = [&](double here) { return before.back() - here > weight; };
    return static_cast<size_t>(std::ranges::partition_point(before, more) - before.begin());
  }
};

// least[i]: of the heaviest of `stages` stages made from instances [i, n). Extended from one stage
// to `stages`: the first stage grows and the rest shrinks with its end, so the best end is where
// they cross.
double LeastHeaviest(const Weights& weights, size_t stages) {
  const size_t n = weights.size();
  std::vector<double> least(n);
  for (size_t i = 0; i < n; ++i) least[i] = weights.Of(i, n);
  for (size_t made = 2; made <= stages; ++made) {
    std::vector<double> next(n, std::numeric_limits<double>::infinity());
    for (size_t begin = 0; begin + made <= n; ++begin) {
      size_t low = begin + 1;
      size_t high = n - made + 1;
      while (low < high) {
        const size_t middle = (low + high) / 2;
        if (weights.Of(begin, middle) >= least[middle]) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      next[begin] = std::max(weights.Of(begin, low), least[low]);
      if (low > begin + 1) {
        next[begin] = std::min(next[begin], std::max(weights.Of(begin, low - 1), least[low - 1]));
      }
    }
    least = std::move(next);
  }
  return least[0];
}

// Ends of the stages. Equal up to rounding counts as equal.
std::vector<size_t> EvenEnds(const Weights& weights, size_t stages, double heaviest) {
  constexpr double kRounding = 1 + 1e-9;
  constexpr double kImpossible = std::numeric_limits<double>::infinity();
  const size_t n = weights.size();
  const double limit = heaviest * kRounding;
  // squares[i]: least sum over instances [i, n) in the stages made so far; end[made][i]: of the
  // first of them.
  std::vector<double> squares(n + 1, kImpossible);
  squares[n] = 0;
  std::vector<std::vector<size_t>> end(stages + 1, std::vector<size_t>(n + 1));
  for (size_t made = 1; made <= stages; ++made) {
    std::vector<double> next(n + 1, kImpossible);
    // What goes before must fit in the other stages, what comes after in those made: where stages
    // are even, few places are left.
    const size_t latest =
        weights.LastBefore(static_cast<double>(stages - made) * limit * kRounding);
    const size_t fitting = weights.FirstAfter(static_cast<double>(made - 1) * limit * kRounding);
    for (size_t begin = 0; begin + made <= n && begin <= latest; ++begin) {
      if (weights.Of(begin, n) > static_cast<double>(made) * limit * kRounding) continue;
      for (size_t stop = std::max(begin + 1, fitting); stop <= n - made + 1; ++stop) {
        const double own = weights.Of(begin, stop);
        if (own > limit) break;
        const double sum = own * own + squares[stop];
        if (sum == kImpossible || sum > next[begin] * kRounding) continue;
        next[begin] = std::min(next[begin], sum);
        end[made][begin] = stop;
      }
    }
    squares = std::move(next);
  }
  std::vector<size_t> ends;
  for (size_t made = stages, begin = 0; made > 0; --made) {
    begin = end[made][begin];
    ends.push_back(begin);
  }
  CHECK(ends.back() == n);
  return ends;
}

Stages Balanced(const CompiledModel& model, size_t stages, Balance balance) {
  Weights weights{.before = {0}};
  for (const CompiledInstance& instance : model.instances) {
    const CompiledLayer& layer = model.layers[static_cast<size_t>(instance.layer)];
    weights.before.push_back(weights.before.back() + WeightOf(model, layer, balance));
  }
  Stages result;
  size_t begin = 0;
  for (const size_t end : EvenEnds(weights, stages, LeastHeaviest(weights, stages))) {
    std::vector<int32_t>& stage = result.emplace_back(end - begin);
    std::iota(stage.begin(), stage.end(), static_cast<int32_t>(begin));
    begin = end;
  }
  return result;
}

Stages Explicit(const CheckedProgram& program) {
  std::vector<int32_t> first_instance;
  int32_t next = 0;
  for (const CheckedLayer& layer : program.model->layers) {
    first_instance.push_back(next);
    next += static_cast<int32_t>(layer.repeat);
  }
  Stages result;
  for (const std::vector<LayerInstance>& stage : program.stages.stages) {
    std::vector<int32_t>& instances = result.emplace_back();
    for (const LayerInstance& each : stage) {
      instances.push_back(first_instance[static_cast<size_t>(each.layer)] + each.index);
    }
  }
  return result;
}

}  // namespace

std::optional<std::vector<std::vector<int32_t>>> SplitStages(const CheckedProgram& program,
                                                             const CompiledModel& model,
                                                             int32_t stages,
                                                             Diagnostics& diagnostics) {
  CHECK(stages > 0);
  const size_t wanted = static_cast<size_t>(stages);
  const size_t given = program.stages.stages.size();
  if (given != 0) {
    if (given == wanted) return Explicit(program);
    diagnostics
        .Error(program.stages.location, "`stages` lists " +
                                            Amount(static_cast<int64_t>(given), "stage") +
                                            ", but the schedule has " + std::to_string(wanted))
        .Note(program.stages.location,
              "it has `pp` times as many as a rank has chunks; `stages balance(flops);` splits the "
              "model into any number");
    return std::nullopt;
  }
  if (model.instances.size() < wanted) {
    diagnostics.Error(program.stages.location,
                      "the model has " +
                          Amount(static_cast<int64_t>(model.instances.size()), "layer") +
                          ", too few for " + Amount(static_cast<int64_t>(wanted), "stage"));
    return std::nullopt;
  }
  return Balanced(model, wanted, program.stages.balance);
}

}  // namespace pprun
