// Beginnings of a search: from a placement and unit costs alone, the orders of published schedules.
#include "compiler/schedule/greedy/seeds.h"

#include <gtest/gtest.h>

#include "tests/schedule/greedy_problems.h"
#include "tests/schedule/library.h"

namespace pprun {
namespace {

RankOrders LettersOf(const TaskOrder& order) {
  RankOrders letters;
  for (const std::vector<OrderedTask>& tasks : order.positions) {
    RankOrder& rank = letters.emplace_back();
    for (const OrderedTask& task : tasks) {
      rank.push_back({task.chunk, task.kind == TaskKind::kForward     ? Piece::kForward
                                  : task.kind == TaskKind::kInputGrad ? Piece::kGradient
                                                                      : Piece::kWeight});
    }
  }
  return letters;
}

// There and back, twice as many stages as ranks.
GreedyProblem Folded(int32_t ranks, int32_t microbatches) {
  std::vector<int32_t> stage_ranks;
  for (int32_t rank = 0; rank < ranks; ++rank) stage_ranks.push_back(rank);
  for (int32_t rank = ranks; rank-- > 0;) stage_ranks.push_back(rank);
  return MakeProblem(stage_ranks, microbatches, 2 * ranks);
}

void SetUpKeys(const GreedyProblem& problem, PieceTable& keys) {
  for (std::vector<int64_t>& column : keys) column.assign(problem.table, 0);
}

struct Periodic {
  const char* name;
  PeriodicShape shape;
  int32_t rest_where_divides;  // the ranks; elsewhere the shape needs no rest before gradients
};

TEST(Seeds, PeriodicOrdersAreThoseOfControlledMemory) {
  const Library library;
  const Periodic kPeriodic[] = {
      {"v_min", {.before_gradients = 2, .costs = PeriodicShape::Costs::kUnit}, 3},
      {"v_half",
       {.after_forward = {1, 0},
        .after_gradient = {0, 1},
        .before_gradients = 3,
        .costs = PeriodicShape::Costs::kUnit},
       2}};
  for (const Periodic& periodic : kPeriodic) {
    for (int32_t ranks = 2; ranks <= 16; ++ranks) {
      for (const int32_t microbatches : {1, ranks, 3 * ranks + 1}) {
        SCOPED_TRACE(std::string(periodic.name) + " " + std::to_string(ranks) + " " +
                     std::to_string(microbatches));
        const LibraryOrder expected =
            library.Evaluate(periodic.name, {.pp = ranks, .microbatches = microbatches});
        ASSERT_EQ(expected.outcome, Outcome::kRuns);
        PeriodicShape shape = periodic.shape;
        if (ranks % periodic.rest_where_divides != 0) shape.before_gradients = 0;
        const GreedyProblem problem = Folded(ranks, microbatches);
        PieceTable keys;
        SetUpKeys(problem, keys);
        RankOrders backbone;
        SetPeriodicOrder(problem, 100, shape, WeightPlaces::kFixed, keys, backbone);
        EXPECT_EQ(backbone, LettersOf(expected.order));
      }
    }
  }
}

TEST(Seeds, TurnsAreThoseOfZeroBubbleV) {
  const Library library;
  for (int32_t ranks = 2; ranks <= 12; ++ranks) {
    for (const int32_t microbatches : {ranks, 2 * ranks, 3 * ranks + 1}) {
      SCOPED_TRACE(std::to_string(ranks) + " " + std::to_string(microbatches));
      const LibraryOrder expected =
          library.Evaluate("zero_bubble_v", {.pp = ranks, .microbatches = microbatches});
      ASSERT_EQ(expected.outcome, Outcome::kRuns);
      const GreedyProblem problem = Folded(ranks, microbatches);
      PieceTable keys;
      SetUpKeys(problem, keys);
      RankOrders backbone;
      ASSERT_TRUE(SetTurningOrder(problem, WeightPlaces::kFixed, keys, backbone));
      EXPECT_EQ(backbone, LettersOf(expected.order));
    }
  }
}

TEST(Seeds, AlternatingOrdersAreThoseOfZeroBubbleAndItsChunks) {
  const Library library;
  for (const int64_t chunks : {1, 2, 4}) {
    for (int32_t ranks = 2; ranks <= 8; ++ranks) {
      for (const int32_t microbatches : {ranks, 2 * ranks, 3 * ranks + 1}) {
        SCOPED_TRACE(std::to_string(chunks) + " " + std::to_string(ranks) + " " +
                     std::to_string(microbatches));
        const LibraryOrder expected =
            library.Evaluate("interleaved_zero_bubble",
                             {.pp = ranks, .microbatches = microbatches, .chunks = chunks});
        ASSERT_EQ(expected.outcome, Outcome::kRuns);
        std::vector<int32_t> stage_ranks;
        for (int32_t stage = 0; stage < ranks * chunks; ++stage) {
          stage_ranks.push_back(stage % ranks);
        }
        const GreedyProblem problem = MakeProblem(stage_ranks, microbatches, ranks * chunks);
        PieceTable keys;
        SetUpKeys(problem, keys);
        RankOrders backbone;
        SetAlternatingOrder(problem, 1, WeightPlaces::kFixed, keys, backbone);
        EXPECT_EQ(backbone, LettersOf(expected.order));
      }
    }
  }
}

}  // namespace
}  // namespace pprun
