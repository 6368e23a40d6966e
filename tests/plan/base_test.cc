// CHECK and the content hash.
#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/check.h"
#include "compiler/plan/base/hash.h"

namespace pprun {
namespace {

TEST(Check, SaysWhatDoesNotHold) {
  CHECK(1 + 1 == 2);
  EXPECT_DEATH(CHECK(1 + 1 == 3), "this is a bug in pprun: `1 \\+ 1 == 3` does not hold");
}

TEST(Hash, NeverChanges) {
  // Plan files and random numbers rest on these.
  EXPECT_EQ(HashText("block[3]"), uint64_t{0x56D0BFE9E5965A23});
  EXPECT_EQ(HashText("pprun"), uint64_t{0x44FCB26D26E1444C});
}

TEST(Hash, EveryBitCounts) {
  std::string text(37, 'x');
  const uint64_t original = HashText(text);
  std::set<uint64_t> seen = {original};
  int flipped = 0;
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    const uint64_t hash = HashText(text);
    EXPECT_TRUE(seen.insert(hash).second) << "bit " << bit;
    flipped += std::popcount(hash ^ original);
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
  }
  // Half of the bits on average.
  const double average = flipped / static_cast<double>(text.size() * 8);
  EXPECT_GT(average, 30);
  EXPECT_LT(average, 34);
  for (size_t length = 0; length < 64; ++length) {
    EXPECT_TRUE(seen.insert(HashText(std::string(length, '\0'))).second) << length;
  }
}

TEST(AmountTest, OneIsNotMany) {
  EXPECT_EQ(Amount(1, "stage"), "1 stage");
  EXPECT_EQ(Amount(0, "stage"), "0 stages");
  EXPECT_EQ(Amount(3, "microbatch"), "3 microbatches");
  EXPECT_EQ(Amount(1, "batch"), "1 batch");
  EXPECT_EQ(PluralOf(2, "rank"), "ranks");
}

}  // namespace
}  // namespace pprun
