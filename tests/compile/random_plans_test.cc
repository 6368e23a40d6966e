// Random files that are right are all proven; random schedules are either proven or deadlock, as
// plain reasoning about their tasks says, and hold as many activations as said.
#include <gtest/gtest.h>

#include <map>

#include "compiler/plan/file.h"
#include "compiler/simulate/live_activations.h"
#include "tests/compile/compile_source.h"
#include "tests/compile/random_plan.h"
#include "tests/compile/random_schedule.h"
#include "tests/passes/shaken_run.h"

namespace pprun {
namespace {

void ExpectProven(const Compilation& result, const std::string& text) {
  ASSERT_TRUE(result.Ok()) << result.Messages() << text;
  EXPECT_EQ(result.Messages(), "") << text;
}

TEST(RandomPlansTest, EveryRightFileIsProvenAndSurvivesItsFile) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::string text = RandomPlanText(random);
    const Compilation result = CompileSource(text);
    ASSERT_NO_FATAL_FAILURE(ExpectProven(result, text));
    const std::vector<std::byte> bytes = Serialise(*result.plan);
    const Plan read = Deserialise(bytes);
    EXPECT_EQ(Serialise(read), bytes) << text;
    EXPECT_TRUE(Verify(read).empty()) << text;
  }
}

TEST(RandomPlansTest, EveryLegalScheduleIsProven) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const int pp = 1 + static_cast<int>(seed % 5), microbatches = 1 + static_cast<int>(seed % 9);
    RandomOrder order = LegalOrder(random, pp, microbatches);
    ASSERT_TRUE(Completes(order));
    if (seed % 2 == 0) PairUp(random, order);
    const std::string text =
        PlanTextWith(ToSource(order), pp, 1 + static_cast<int>(seed % 2), microbatches);
    ASSERT_NO_FATAL_FAILURE(ExpectProven(CompileSource(text), text));
  }
}

TEST(RandomPlansTest, ARunHoldsAsManyActivationsAsThePlanSaysWhateverTheTiming) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const int pp = 1 + static_cast<int>(seed % 3), microbatches = 2 + static_cast<int>(seed % 8);
    RandomOrder order = LegalOrder(random, pp, microbatches);
    PairUp(random, order);
    const std::string text = PlanTextWith(ToSource(order), pp, 1, microbatches);
    const Compilation result = CompileSource(text);
    ASSERT_NO_FATAL_FAILURE(ExpectProven(result, text));
    std::map<int64_t, int64_t> said;
    for (int64_t rank = 0; rank < pp; ++rank) {
      said[rank] = PeaksOf(result.plan->positions[static_cast<size_t>(rank)]).activations;
    }
    for (int run = 0; run < 20; ++run) {
      EXPECT_EQ(LiveActivations(*result.plan, ShakenRun(*result.plan, random)), said) << text;
    }
  }
}

TEST(RandomPlansTest, AScheduleIsProvenOrDeadlocksAndNothingElse) {
  int proven = 0, deadlocks = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const int pp = 2 + static_cast<int>(seed % 3), microbatches = 1 + static_cast<int>(seed % 4);
    const RandomOrder order = LocalOrder(random, pp, microbatches);
    const std::string text = PlanTextWith(ToSource(order), pp, 1, microbatches);
    const Compilation result = CompileSource(text);
    if (Completes(order)) {
      ++proven;
      ASSERT_NO_FATAL_FAILURE(ExpectProven(result, text));
      continue;
    }
    ++deadlocks;
    EXPECT_FALSE(result.plan.has_value());
    ASSERT_EQ(result.diagnostics.errors(), 1) << result.Messages() << text;
    EXPECT_EQ(result.diagnostics.all().front().message, "this schedule deadlocks") << text;
    EXPECT_GE(result.diagnostics.all().front().notes.size(), 2u) << result.Messages();
  }
  // The sweep has plenty of both.
  EXPECT_GT(proven, 50);
  EXPECT_GT(deadlocks, 50);
}

}  // namespace
}  // namespace pprun
