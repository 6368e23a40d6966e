// Random damage to plans made by hand: the verifier and the oracle always agree. More with
// PPRUN_DAMAGE_RUNS=n; one again with PPRUN_DAMAGE_SEED=n PPRUN_DAMAGE_RUNS=1.
#include <cstdio>
#include <cstdlib>

#include "tests/plan/plan_builder.h"
#include "tests/verify/compare_with_oracle.h"

namespace pprun {
namespace {

long Setting(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtol(value, nullptr, 10);
}

TEST(Damage, VerifierAndOracleAgree) {
  const uint64_t seed = static_cast<uint64_t>(Setting("PPRUN_DAMAGE_SEED", 20240601));
  const int runs = static_cast<int>(Setting("PPRUN_DAMAGE_RUNS", 250));
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Comparison total;
  using Tied = PlanToBuild::Tied;
  using Halves = PlanToBuild::Halves;
  for (const PlanToBuild& what :
       {PlanToBuild{.positions = 2, .dp = 1, .microbatches = 3},
        PlanToBuild{.positions = 2, .dp = 2, .microbatches = 2, .clip = 1},
        PlanToBuild{.positions = 1, .dp = 2, .microbatches = 2, .clip = 1, .tied = Tied::kYes},
        PlanToBuild{.positions = 2, .microbatches = 2, .tied = Tied::kYes},
        PlanToBuild{.positions = 2, .microbatches = 4, .halves = Halves::kApart},
        PlanToBuild{.positions = 1, .microbatches = 2, .clip = 1, .halves = Halves::kApart}}) {
    const Comparison one = CompareWithOracle(BuildPlan(what), seed, runs);
    total.sound += one.sound;
    total.unsound += one.unsound;
    total.types += one.types;
  }
  std::printf("%d sound, %d unsound, %d not compared\n", total.sound, total.unsound, total.types);
  // Both verdicts occur, and most damages are compared.
  if (runs > 1) {
    EXPECT_GT(total.sound, runs / 4);
    EXPECT_GT(total.unsound, runs);
    EXPECT_LT(total.types, total.unsound);
  }
}

}  // namespace
}  // namespace pprun
