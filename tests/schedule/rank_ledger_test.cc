// The ledger against an obvious one, on random tasks over several chunks.
#include "compiler/schedule/rank_ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

namespace pprun {
namespace {

using Kind = ScheduleProblem::Kind;

// Remembers all tasks, and searches them for every answer.
struct ObviousLedger {
  std::vector<HeldChunk> chunks;
  std::vector<OrderedTask> tasks;

  bool Ran(TaskKind kind, int32_t chunk, int32_t microbatch) const {
    for (const OrderedTask& task : tasks) {
      if (task.kind == kind && task.chunk == chunk && task.microbatch == microbatch) return true;
    }
    return false;
  }
  // Whether nothing of this kind is to be done any more: a backward does both halves.
  bool Done(TaskKind kind, int32_t chunk, int32_t microbatch) const {
    if (kind == TaskKind::kForward) return Ran(kind, chunk, microbatch);
    if (Ran(TaskKind::kBackward, chunk, microbatch)) return true;
    return Ran(kind == TaskKind::kBackward ? TaskKind::kInputGrad : kind, chunk, microbatch);
  }
  int64_t Left(TaskKind kind, int32_t chunk) const {
    int64_t left = 0;
    const MicrobatchRange range = chunks[static_cast<size_t>(chunk)].microbatches;
    for (int32_t i = range.begin; i < range.end; ++i) {
      left += Done(kind, chunk, i) ? 0 : 1;
    }
    return left;
  }
  std::optional<int32_t> Next(TaskKind kind, int32_t chunk) const {
    const MicrobatchRange range = chunks[static_cast<size_t>(chunk)].microbatches;
    for (int32_t i = range.begin; i < range.end; ++i) {
      if (!Done(kind, chunk, i)) return i;
    }
    return std::nullopt;
  }
  std::vector<RankLedger::Owed> Owed(std::optional<int32_t> chunk) const {
    std::vector<RankLedger::Owed> owed;
    for (const OrderedTask& task : tasks) {
      if (task.kind != TaskKind::kInputGrad || (chunk && *chunk != task.chunk)) continue;
      if (Ran(TaskKind::kWeightGrad, task.chunk, task.microbatch)) continue;
      owed.push_back({task.chunk, task.microbatch});
    }
    return owed;
  }
  // What may run now.
  bool Allowed(TaskKind kind, int32_t chunk, int32_t microbatch) const {
    if (Done(kind, chunk, microbatch)) return false;
    if (kind == TaskKind::kForward) return true;
    if (kind == TaskKind::kWeightGrad) return Ran(TaskKind::kInputGrad, chunk, microbatch);
    return Ran(TaskKind::kForward, chunk, microbatch);
  }
};

constexpr TaskKind kAll[] = {TaskKind::kForward, TaskKind::kBackward, TaskKind::kInputGrad,
                             TaskKind::kWeightGrad};

void ExpectSame(RankLedger& ledger, const ObviousLedger& obvious) {
  for (int32_t chunk = 0; chunk < ledger.chunk_count(); ++chunk) {
    for (TaskKind kind : kAll) {
      EXPECT_EQ(ledger.Left(kind, chunk), obvious.Left(kind, chunk));
      EXPECT_EQ(ledger.Next(kind, chunk), obvious.Next(kind, chunk));
    }
  }
  EXPECT_EQ(ledger.Pending(), static_cast<int64_t>(obvious.Owed(std::nullopt).size()));
  for (int32_t chunk = -1; chunk < ledger.chunk_count(); ++chunk) {
    const std::optional<int32_t> only = chunk < 0 ? std::nullopt : std::optional(chunk);
    const std::vector<RankLedger::Owed> owed = obvious.Owed(only);
    const std::optional<RankLedger::Owed> oldest = ledger.Oldest(only);
    ASSERT_EQ(oldest.has_value(), !owed.empty());
    if (owed.empty()) continue;
    EXPECT_EQ(oldest->chunk, owed[0].chunk);
    EXPECT_EQ(oldest->microbatch, owed[0].microbatch);
  }
}

TEST(RankLedger, AnswersAsTheObviousOneDoes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed = " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    // Chunks with ranges of their own, as the halves of a bidirectional schedule have.
    const int32_t microbatches = 1 + static_cast<int32_t>(random() % 6);
    std::vector<HeldChunk> chunks;
    const int32_t count = 1 + static_cast<int32_t>(random() % 3);
    for (int32_t stage = 0; stage < count; ++stage) {
      const int32_t begin = static_cast<int32_t>(random() % 6) % microbatches;
      chunks.push_back({.place = {.stage = stage}, .microbatches = {begin, microbatches}});
    }
    RankLedger ledger(0, chunks, microbatches);
    ObviousLedger obvious{chunks, {}};
    for (;;) {
      std::vector<OrderedTask> allowed;
      for (int32_t chunk = 0; chunk < ledger.chunk_count(); ++chunk) {
        const MicrobatchRange range = chunks[static_cast<size_t>(chunk)].microbatches;
        for (int32_t i = range.begin; i < range.end; ++i) {
          for (TaskKind kind : kAll) {
            if (!obvious.Allowed(kind, chunk, i)) continue;
            allowed.push_back({.kind = kind, .chunk = chunk, .microbatch = i, .location = {}});
          }
        }
      }
      ExpectSame(ledger, obvious);
      if (allowed.empty() || testing::Test::HasFailure()) break;
      const OrderedTask& task = allowed[random() % allowed.size()];
      ledger.Issue(task.kind, task.chunk, task.microbatch, -1, {});
      obvious.tasks.push_back(task);
    }
    ledger.Finish(RankLedger::Extent::kTraining);
    EXPECT_FALSE(ledger.first_problem());
    EXPECT_EQ(ledger.tasks().size(), obvious.tasks.size());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(RankLedger, CountsEveryTaskThatIsMissing) {
  RankLedger ledger(0,
                    {{.place = {.stage = 0}, .microbatches = {0, 3}},
                     {.place = {.stage = 1}, .microbatches = {0, 3}}},
                    3);
  ledger.Issue(TaskKind::kForward, 1, 2, -1, {});
  ledger.Issue(TaskKind::kInputGrad, 1, 2, -1, {});
  ledger.Finish(RankLedger::Extent::kTraining);
  // Five whole microbatches of three tasks, as this rank splits, and one weight gradient.
  EXPECT_EQ(ledger.problem_count(), 16);
  ASSERT_TRUE(ledger.first_problem());
  EXPECT_EQ(ledger.first_problem()->kind, Kind::kMissing);
  EXPECT_EQ(ledger.first_problem()->task, TaskKind::kForward);
  EXPECT_EQ(ledger.first_problem()->chunk, 0);
  EXPECT_EQ(ledger.first_problem()->microbatch, 0);
}

TEST(RankLedger, KeepsTheFirstProblemAndCountsTheRest) {
  RankLedger ledger(0, {{.place = {.stage = 0}, .microbatches = {1, 3}}}, 3);
  ledger.Issue(TaskKind::kForward, 0, 1, -1, {});
  ledger.Issue(TaskKind::kForward, 0, 0, -1, {});  // not of this chunk
  ledger.Issue(TaskKind::kForward, 0, 1, -1, {});
  ledger.Issue(TaskKind::kBackward, 0, 2, -1, {});
  // The backward was told; its late forward and a gradient beside it are not one more each.
  ledger.Issue(TaskKind::kForward, 0, 2, -1, {});
  ledger.Finish(RankLedger::Extent::kTraining);
  ASSERT_TRUE(ledger.first_problem());
  EXPECT_EQ(ledger.first_problem()->kind, Kind::kMicrobatchOutOfRange);
  EXPECT_EQ(ledger.problem_count(), 3);
}

}  // namespace
}  // namespace pprun
