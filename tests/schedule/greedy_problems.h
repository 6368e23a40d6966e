// Problems for the tests of compiler/schedule/greedy, and what makes an order of one right.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "compiler/schedule/greedy/problem.h"

namespace pprun {

// `stage_ranks[stage]` is the rank that holds it; costs and limits are those of a new part and
// rank.
GreedyProblem MakeProblem(const std::vector<int32_t>& stage_ranks, int32_t microbatches,
                          int64_t limit);

// Stages on ranks in any way, any costs, whole backwards or halves, and limits from the least.
GreedyProblem RandomProblem(std::mt19937_64& random);

// Every task once and in its time: "" or what is wrong. `begin` are times as a ListResult's.
std::string WrongWith(const GreedyProblem& problem, const RankOrders& orders,
                      const PieceTable& begin, int64_t makespan);

}  // namespace pprun
