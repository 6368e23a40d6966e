// Mutated plan files: through the reader and the verifier without a crash or a hang. More with
// PPRUN_FUZZ_RUNS=n; the libFuzzer target is tests/fuzz/plan_fuzz.cc.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/verify/verify.h"
#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

using Random = std::mt19937_64;

size_t Below(Random& random, size_t count) {
  return std::uniform_int_distribution<size_t>(0, count - 1)(random);
}

// A few places of the file overwritten: with small numbers, since those are what gets through the
// reader, with extreme ones, or with what stands elsewhere.
void Mutate(std::vector<std::byte>& bytes, Random& random) {
  const size_t places = 1 + Below(random, 4);
  for (size_t i = 0; i < places; ++i) {
    const size_t at = 16 + Below(random, bytes.size() - 32);
    constexpr uint64_t kExtremes[] = {0, 1, UINT64_MAX, uint64_t{1} << 31, INT64_MAX, 0xFFFFFFFF};
    uint64_t value = kExtremes[Below(random, 6)];
    if (Below(random, 2) == 0) value = Below(random, 20);
    switch (Below(random, 4)) {
      case 0:
        bytes[at] ^= std::byte{static_cast<unsigned char>(1u << Below(random, 8))};
        break;
      case 1:
        std::memcpy(&bytes[at], &value, 4);
        break;
      case 2:
        std::memcpy(&bytes[at], &value, 8);
        break;
      case 3:
        std::memcpy(&bytes[at], &bytes[16 + Below(random, bytes.size() - 32)], 4);
        break;
    }
  }
  SealPlanFile(bytes);
}

TEST(PlanBytes, MutatedFilesAreRefusedOrVerified) {
  const char* setting = std::getenv("PPRUN_FUZZ_RUNS");
  const int runs = setting == nullptr ? 4000 : std::atoi(setting);
  constexpr uint64_t kSeed = 1;
  std::printf("seed %llu\n", static_cast<unsigned long long>(kSeed));
  const std::vector<std::byte> files[] = {
      Serialise(BuildPlan({.dp = 2, .microbatches = 2, .clip = 1})),
      Serialise(BuildPlan({.positions = 1,
                           .microbatches = 1,
                           .tied = PlanToBuild::Tied::kYes,
                           .halves = PlanToBuild::Halves::kApart}))};
  int refused = 0, rejected = 0, proven = 0;
  for (int i = 0; i < runs; ++i) {
    Random random(kSeed + static_cast<uint64_t>(i));
    std::vector<std::byte> bytes = files[i % 2];
    Mutate(bytes, random);
    Plan plan;
    try {
      plan = Deserialise(bytes);
    } catch (const PlanFileError&) {
      ++refused;
      continue;
    }
    EXPECT_EQ(Serialise(plan), bytes) << "seed " << kSeed + static_cast<uint64_t>(i);
    const std::vector<Finding> findings = Verify(plan);
    ++(findings.empty() ? proven : rejected);
    for (const Finding& finding : findings) EXPECT_NE(Render(plan, finding), "");
    EXPECT_NE(ToText(plan), "");
  }
  std::printf("%d refused, %d rejected, %d proven\n", refused, rejected, proven);
  EXPECT_GT(refused, runs / 10);
  EXPECT_GT(rejected, runs / 10);
}

}  // namespace
}  // namespace pprun
