// The search and its bound, against every order of problems that are small enough to try them all.
#include "compiler/schedule/greedy/search_order.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "compiler/schedule/greedy/lower_bound.h"
#include "compiler/schedule/greedy/seeds.h"
#include "tests/schedule/greedy_problems.h"

namespace pprun {
namespace {

// Every order of one rank that its limit allows.
std::vector<RankOrder> OrdersOf(const GreedyProblem& problem, size_t rank) {
  const GreedyRank& here = problem.ranks[rank];
  std::vector<RankOrder> orders;
  RankOrder order;
  std::vector<std::array<int32_t, kPieces>> done(here.parts.size());
  int64_t held = 0;
  const std::function<void()> extend = [&] {
    if (static_cast<int64_t>(order.size()) == problem.Tasks(rank)) orders.push_back(order);
    for (size_t chunk = 0; chunk < here.parts.size(); ++chunk) {
      const GreedyPart& part = problem[here.parts[chunk]];
      for (const Piece piece : kAllPieces) {
        auto& counts = done[chunk];
        const auto column = static_cast<size_t>(piece);
        const int32_t most = column == 0 ? part.microbatches : counts[column - 1];
        if (counts[column] == most || (piece == Piece::kWeight && !here.splits)) continue;
        const bool takes = piece == Piece::kForward;
        const bool frees = piece == (here.splits ? Piece::kWeight : Piece::kGradient);
        if (takes && held + part.size > here.limit) continue;
        const int64_t change = takes ? part.size : frees ? -part.size : 0;
        held += change;
        ++counts[column];
        order.push_back({static_cast<int32_t>(chunk), piece});
        extend();
        order.pop_back();
        --counts[column];
        held -= change;
      }
    }
  };
  extend();
  return orders;
}

// By the scheduler itself, each rank's order given: it only says when tasks run.
int64_t Optimum(GreedyProblem problem) {
  std::vector<std::vector<RankOrder>> orders;
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    orders.push_back(OrdersOf(problem, rank));
  }
  PieceTable keys;
  for (std::vector<int64_t>& column : keys) column.resize(problem.table);
  SetRuleKeys(problem, TieRule::kNearestEnd, keys);
  int64_t optimum = std::numeric_limits<int64_t>::max();
  const std::function<void(size_t)> choose = [&](size_t rank) {
    if (rank < orders.size()) {
      for (const RankOrder& order : orders[rank]) {
        problem.ranks[rank].given = order;
        choose(rank + 1);
      }
      return;
    }
    ListResult result;
    ListScheduler(problem).Run(keys, {}, result);
    if (result.complete) optimum = std::min(optimum, result.makespan);
  };
  choose(0);
  return optimum;
}

TEST(SearchOrder, AgainstEveryOrder) {
  constexpr uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  int problems = 0, optimal = 0, tight = 0;
  for (int round = 0; round < 400; ++round) {
    const GreedyProblem problem = RandomProblem(random);
    double combinations = 1;
    for (size_t rank = 0; rank < problem.ranks.size() && combinations < 1e4; ++rank) {
      if (problem.Tasks(rank) > 9) combinations = 1e9;
      if (combinations < 1e4) combinations *= static_cast<double>(OrdersOf(problem, rank).size());
    }
    if (combinations > 1e4) continue;
    ++problems;
    const int64_t optimum = Optimum(problem);
    const int64_t bound = LowerBound(problem);
    const FoundOrder found = SearchOrder({problem}, 100);
    ASSERT_LE(bound, optimum) << "seed " << kSeed << " round " << round;
    ASSERT_GE(found.makespan, optimum) << "seed " << kSeed << " round " << round;
    optimal += found.makespan == optimum ? 1 : 0;
    tight += bound == optimum ? 1 : 0;
  }
  EXPECT_GE(problems, 100);
  EXPECT_GE(optimal * 100, problems * 95) << optimal << " of " << problems;
  EXPECT_GE(tight * 100, problems * 60) << tight << " of " << problems;
}

TEST(SearchOrder, IsRightAndTakesNoMoreNodesThanItMay) {
  constexpr uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    const GreedyProblem problem = RandomProblem(random);
    const auto nodes = static_cast<int64_t>(1 + random() % 60);
    const FoundOrder found = SearchOrder({problem}, nodes);
    ASSERT_LE(found.nodes, nodes);
    ASSERT_GE(found.makespan, LowerBound(problem)) << "seed " << kSeed << " round " << round;
    // As a given order it takes that long.
    GreedyProblem given = problem;
    for (size_t rank = 0; rank < given.ranks.size(); ++rank) {
      given.ranks[rank].given = found.orders[rank];
    }
    PieceTable keys;
    for (std::vector<int64_t>& column : keys) column.resize(problem.table);
    ListResult result;
    ListScheduler(given).Run(keys, {}, result);
    ASSERT_TRUE(result.complete);
    ASSERT_EQ(WrongWith(problem, result.orders, result.begin, result.makespan), "")
        << "seed " << kSeed << " round " << round;
    EXPECT_LE(result.makespan, found.makespan);
  }
}

TEST(SearchOrder, MoreNodesAreNeverWorse) {
  GreedyProblem problem = MakeProblem({0, 1, 2, 3, 3, 2, 1, 0}, 12, 5);
  for (size_t i = 0; i < problem.parts.size(); ++i) {
    problem.parts[i].cost = {static_cast<int64_t>(5 + i % 3), static_cast<int64_t>(6 + i % 2), 4};
  }
  int64_t before = std::numeric_limits<int64_t>::max();
  for (const int64_t nodes : {1, 10, 50, 200, 400}) {
    const FoundOrder found = SearchOrder({problem}, nodes);
    EXPECT_LE(found.makespan, before) << nodes;
    before = found.makespan;
  }
}

// Of placements the one that ends first: a V here, whose last stage is where the first is.
TEST(SearchOrder, ChoosesAmongProblems) {
  const GreedyProblem looped = MakeProblem({0, 1, 2, 3, 0, 1, 2, 3}, 8, 4);
  const GreedyProblem folded = MakeProblem({0, 1, 2, 3, 3, 2, 1, 0}, 8, 4);
  const FoundOrder found = SearchOrder({looped, folded}, 200);
  EXPECT_EQ(found.problem, 1u);
  EXPECT_LT(found.makespan, SearchOrder({looped}, 200).makespan);
}

// Sizes are bytes and costs may be millions: their product is no integer of 64 bits.
TEST(LowerBound, BytesDoNotOverflow) {
  GreedyProblem problem = MakeProblem({0, 1, 2, 3, 3, 2, 1, 0}, 256, 0);
  for (size_t i = 0; i < problem.parts.size(); ++i) {
    problem.parts[i].cost = {1000000, 900000, 800000};
    problem.parts[i].size = (int64_t{1} << 38) + static_cast<int64_t>(i);
  }
  for (GreedyRank& rank : problem.ranks) rank.limit = int64_t{1} << 41;
  const int64_t bound = LowerBound(problem);
  EXPECT_GE(bound, 2 * 256 * int64_t{2700000}) << "the work of a rank";
  EXPECT_GE(SearchOrder({problem}, 3).makespan, bound);
}

}  // namespace
}  // namespace pprun
