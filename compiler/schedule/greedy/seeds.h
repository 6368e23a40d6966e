// Where a search begins: keys by rule, and periodic orders. Tests: seeds_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "compiler/schedule/greedy/problem.h"

namespace pprun {

// Which of the tasks of one kind comes first, where several are ready. A gradient of the last stage
// is deep, one of the first stage is near its end.
enum class TieRule : uint8_t {
  kNearestEnd,    // forwards of late stages, gradients of early stages; then microbatches
  kFurthest,      // the other way round
  kDeep,          // late stages in both
  kMicrobatches,  // old microbatches, then nearest the end
  kGroups,  // groups of as many microbatches as there are ranks, through one chunk after another
};
inline constexpr std::array kTieRules = {TieRule::kNearestEnd, TieRule::kFurthest, TieRule::kDeep,
                                         TieRule::kMicrobatches, TieRule::kGroups};

// Kinds as each rank prefers them, ties by the rule; weight gradients in the order of microbatches.
void SetRuleKeys(const GreedyProblem& problem, TieRule ties, PieceTable& keys);

// Whether a backbone leaves weight gradients to the scheduler, or says where they are.
enum class WeightPlaces : uint8_t { kFree, kFixed };

// Forwards and gradients in turn, in groups of as many microbatches as there are ranks through one
// chunk after another, after a warm-up of `slope` forwards for every rank from this one to the last
// and the groups of the other chunks: the shape of 1F1B and its kin (Narayanan et al. 2021, Qi et
// al. 2024). A weight gradient runs where there is room, or so many tasks after its gradient as
// `slope` for every rank before this one. Sets the backbone, and keys for weight gradients.
void SetAlternatingOrder(const GreedyProblem& problem, int64_t slope, WeightPlaces weights,
                         PieceTable& keys, RankOrders& backbone);

// Where every rank has two parts, and false elsewhere: forwards of the first part until the first
// microbatch has come back at equal costs, then the two parts in turn, a forward and a gradient
// each: the shape of ZB-V (Qi et al. 2024). Fixed weight gradients follow their gradients but for
// the last. Sets the backbone, and keys for weight gradients.
bool SetTurningOrder(const GreedyProblem& problem, WeightPlaces weights, PieceTable& keys,
                     RankOrders& backbone);

// How long a microbatch rests after its forward and its gradient, on chunks that lead away from the
// first stage's rank (even ones of a V) and on those that lead back: in multiples of the task.
struct PeriodicShape {
  std::array<int32_t, 2> after_forward = {0, 0};
  std::array<int32_t, 2> after_gradient = {0, 0};
  // And between the last forward and the first gradient: where two of a rank's tasks would always
  // want one time, this moves half of them, and no rest of a single one has to.
  int32_t before_gradients = 0;
  // The given costs, or as if every task cost the same.
  enum class Costs : uint8_t { kGiven, kUnit } costs = Costs::kGiven;
};

// Every microbatch runs as the one before it, `period` later; a task runs as early after the one it
// needs as no other microbatch wants its rank. With a period of a rank's work and the right rests
// that is the steady state of the schedules with controlled memory (Qi et al. 2024b, which choose
// offsets by formula; here they follow from the costs, whatever the placement). Fixed weight
// gradients are in the gaps between the others. The period is in hundredths of the work of the
// busiest rank. Sets the backbone, and keys for weight gradients.
void SetPeriodicOrder(const GreedyProblem& problem, int64_t period, const PeriodicShape& shape,
                      WeightPlaces weights, PieceTable& keys, RankOrders& backbone);

}  // namespace pprun
