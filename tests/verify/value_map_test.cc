// Intervals: what a byte holds is what was written there last, compared with an array of bytes.
#include "compiler/verify/value_map.h"

#include <gtest/gtest.h>

#include <random>

#include "compiler/verify/byte_set.h"

namespace pprun {
namespace {

TEST(ValueMap, IsTheLastWriteOfEachByte) {
  constexpr int64_t kBytes = 60;
  std::mt19937_64 random(7);
  const auto below = [&](int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    ValueMap map;
    std::vector<std::pair<ValueIndex, int64_t>> bytes(kBytes, {kNoValue, 0});
    for (ValueIndex value = 0; value < 12; ++value) {
      const int64_t begin = below(kBytes), end = begin + below(kBytes - begin + 1);
      const int64_t offset = below(5);
      map.Write(begin, end, value, offset);
      for (int64_t i = begin; i < end; ++i) {
        bytes[static_cast<size_t>(i)] = {value, offset + i - begin};
      }
    }
    const int64_t begin = below(kBytes), end = begin + 1 + below(kBytes - begin);
    int64_t at = begin;
    for (const Piece& piece : map.Read(begin, end)) {
      EXPECT_EQ(piece.begin, at);
      for (; at < piece.end; ++at) {
        EXPECT_EQ(bytes[static_cast<size_t>(at)].first, piece.value);
        if (piece.value == kNoValue) continue;
        EXPECT_EQ(bytes[static_cast<size_t>(at)].second, piece.offset + at - piece.begin);
      }
    }
    EXPECT_EQ(at, end);
  }
}

TEST(ValueMap, JoinsWhatContinuesAndMovesPieces) {
  ValueMap map;
  map.Write(0, 64, 3);
  map.Write(16, 32, 5);
  map.Write(16, 32, 3, 16);
  ASSERT_EQ(map.Read(0, 64).size(), 1u);
  map.Write(32, 48, 9);
  const std::vector<Piece> pieces = RelativeTo(8, map.Read(8, 64));
  ASSERT_EQ(pieces.size(), 3u);
  ValueMap other;
  other.WriteAll(100, pieces);
  const std::vector<Piece> moved = other.Read(100, 156);
  ASSERT_EQ(moved.size(), 3u);
  EXPECT_EQ(moved[0].offset, 8);
  EXPECT_EQ(moved[1].begin, 124);
  EXPECT_EQ(moved[1].value, 9);
  EXPECT_EQ(moved[2].offset, 48);
}

TEST(ByteSet, HoldsUnionsOfIntervals) {
  ByteSet set;
  EXPECT_TRUE(set.empty());
  set.Add(0, 4);
  set.Add(8, 12);
  EXPECT_FALSE(set.Contains(0, 12));
  set.Add(4, 8);
  EXPECT_TRUE(set.Contains(0, 12));
  EXPECT_FALSE(set.Contains(0, 13));
  set.Add(20, 30);
  set.Add(2, 25);
  EXPECT_TRUE(set.Contains(0, 30));
  ByteSet part;
  part.Add(3, 5);
  part.Add(29, 30);
  EXPECT_TRUE(set.Contains(part));
  part.Add(29, 31);
  EXPECT_FALSE(set.Contains(part));
}

}  // namespace
}  // namespace pprun
