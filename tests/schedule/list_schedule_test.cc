#include "compiler/schedule/greedy/list_schedule.h"

#include <gtest/gtest.h>

#include "compiler/schedule/greedy/seeds.h"
#include "tests/schedule/greedy_problems.h"

namespace pprun {
namespace {

PieceTable KeysOf(const GreedyProblem& problem, TieRule ties = TieRule::kNearestEnd) {
  PieceTable keys;
  for (std::vector<int64_t>& column : keys) column.resize(problem.table);
  SetRuleKeys(problem, ties, keys);
  return keys;
}

std::string Text(const RankOrder& order) {
  std::string text;
  for (const GreedyTask task : order) {
    text += "FGW"[static_cast<size_t>(task.piece)];
    text += static_cast<char>('0' + task.chunk);
  }
  return text;
}

TEST(ListSchedule, PrefersWhatItsKeysSay) {
  GreedyProblem problem = MakeProblem({0, 1}, 3, 3);
  ListResult result;
  ListScheduler(problem).Run(KeysOf(problem), {}, result);
  EXPECT_EQ(Text(result.orders[0]), "F0F0F0G0W0G0W0G0W0");
  EXPECT_EQ(Text(result.orders[1]), "F0G0F0G0F0G0W0W0W0");
  EXPECT_EQ(result.makespan, 10);
  // One activation at a time.
  problem.ranks[1].limit = 1;
  ListScheduler(problem).Run(KeysOf(problem), {}, result);
  EXPECT_EQ(Text(result.orders[1]), "F0G0W0F0G0W0F0G0W0");
}

// A weight gradient of cost 8 would hold up the gradient that comes two later.
TEST(ListSchedule, WaitsWhereItIsPatient) {
  GreedyProblem problem = MakeProblem({0, 1, 2}, 2, 2);
  problem[1].cost = {1, 2, 8};
  problem[2].cost = {1, 3, 1};
  ListResult hasty, patient;
  ListScheduler(problem).Run(KeysOf(problem), {}, hasty);
  ListScheduler(problem).Run(KeysOf(problem), {.patience = 8}, patient);
  EXPECT_EQ(Text(hasty.orders[1]), "F0F0G0W0G0W0");
  EXPECT_EQ(Text(patient.orders[1]), "F0F0G0G0W0W0");
}

TEST(ListSchedule, RunsNoFurtherAheadThanItMay) {
  const GreedyProblem problem = MakeProblem({0, 1, 2}, 6, 6);
  ListResult result;
  ListScheduler(problem).Run(KeysOf(problem), {.ahead = {3, 2, 1}}, result);
  EXPECT_EQ(Text(result.orders[0]).substr(0, 10), "F0F0F0G0F0");
  EXPECT_EQ(Text(result.orders[2]), "F0G0F0G0F0G0F0G0F0G0F0G0W0W0W0W0W0W0");
}

TEST(ListSchedule, FollowsABackbone) {
  const GreedyProblem problem = MakeProblem({0, 1, 0, 1}, 4, 6);
  PieceTable keys = KeysOf(problem);
  RankOrders backbone;
  SetAlternatingOrder(problem, 1, WeightPlaces::kFixed, keys, backbone);
  ListResult result;
  ListScheduler(problem).Run(keys, {.backbone = &backbone}, result);
  ASSERT_TRUE(result.complete);
  EXPECT_EQ(result.orders, backbone);
  SetAlternatingOrder(problem, 1, WeightPlaces::kFree, keys, backbone);
  ListScheduler(problem).Run(keys, {.backbone = &backbone}, result);
  ASSERT_TRUE(result.complete);
  for (size_t rank = 0; rank < 2; ++rank) {
    std::erase_if(result.orders[rank],
                  [](GreedyTask task) { return task.piece == Piece::kWeight; });
  }
  EXPECT_EQ(result.orders, backbone);
}

// With the least room, any placement and any rule: never stuck, in either direction.
TEST(ListSchedule, IsRightAndNeverStuck) {
  constexpr uint64_t kSeed = 20261121;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 3000; ++round) {
    const GreedyProblem problem = RandomProblem(random);
    const TieRule ties = kTieRules[random() % kTieRules.size()];
    const auto patience = static_cast<int64_t>(random() % 9);
    ListScheduler scheduler(problem);
    for (const auto direction : {ListRules::Direction::kForward, ListRules::Direction::kBackward}) {
      ListResult result;
      scheduler.Run(KeysOf(problem, ties), {.direction = direction, .patience = patience}, result);
      ASSERT_TRUE(result.complete) << "seed " << kSeed << " round " << round;
      ASSERT_EQ(WrongWith(problem, result.orders, result.begin, result.makespan), "")
          << "seed " << kSeed << " round " << round;
    }
  }
}

}  // namespace
}  // namespace pprun
