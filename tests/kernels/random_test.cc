#include "kernels/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace pprun::kernels {
namespace {

using Words = std::array<uint32_t, 4>;

Words Generate(const Words& counter, uint64_t key) {
  const Philox bits = Philox4x32({{counter[0], counter[1], counter[2], counter[3]}}, key);
  return {bits.word[0], bits.word[1], bits.word[2], bits.word[3]};
}

// The known answers that the paper's authors publish with their library: zeros, ones, digits of pi.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(Generate({0, 0, 0, 0}, 0), (Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  EXPECT_EQ(Generate({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, 0xFFFFFFFFFFFFFFFF),
            (Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(Generate({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, 0x299F31D0A4093822),
            (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(MixKeys, TellsNeighboursAndOrderApart) {
  std::set<uint64_t> keys;
  for (uint64_t a = 0; a < 64; ++a) {
    for (uint64_t b = 0; b < 64; ++b) keys.insert(MixKeys(a, b));
  }
  EXPECT_EQ(keys.size(), 64U * 64U);
  EXPECT_NE(MixKeys(1, 2), MixKeys(2, 1));
}

TEST(DropoutBits, DependOnEveryPartOfTheKey) {
  const auto first = [](uint64_t key, int64_t step, int64_t sample, int64_t group) {
    return DropoutBits(key, step, sample, group).word[0];
  };
  const uint32_t base = first(1, 2, 3, 4);
  EXPECT_NE(base, first(2, 2, 3, 4));
  EXPECT_NE(base, first(1, 3, 3, 4));
  EXPECT_NE(base, first(1, 2, 4, 4));
  EXPECT_NE(base, first(1, 2, 3, 5));
  EXPECT_NE(base, first(1, 2, 3 + (int64_t{1} << 32), 4));
  EXPECT_NE(base, first(1, 2, 3, 4 + (int64_t{1} << 32)));
}

TEST(UniformAboveZero, StaysInItsInterval) {
  EXPECT_GT(UniformAboveZero(0), 0);
  EXPECT_EQ(UniformAboveZero(0xFFFFFFFF), 1);
}

}  // namespace
}  // namespace pprun::kernels
