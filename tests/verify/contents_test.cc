// What a byte holds is what was written there last, compared with an array of bytes.
#include "compiler/verify/contents.h"

#include <gtest/gtest.h>

#include <random>

#include "compiler/verify/byte_set.h"

namespace pprun {
namespace {

// A byte's value, and which byte of it.
struct Byte {
  Value value;
  int64_t offset = 0;

  bool operator==(const Byte&) const = default;
};

std::vector<Byte> BytesOf(const std::vector<ValuePiece>& pieces) {
  std::vector<Byte> bytes;
  for (const ValuePiece& piece : pieces) {
    EXPECT_EQ(static_cast<int64_t>(bytes.size()), piece.begin);
    for (int64_t i = piece.begin; i < piece.end; ++i) {
      bytes.push_back(
          {piece.value, HasBeginning(piece.value) ? piece.offset + i - piece.begin : 0});
    }
  }
  return bytes;
}

// Buffers at random places of one arena, filled whole, and copied to each other piece by piece.
TEST(Contents, AreTheLastWriteOfEachByte) {
  constexpr int64_t kBytes = 96;
  std::mt19937_64 random(7);
  const auto below = [&](int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random);
  };
  for (int round = 0; round < 500; ++round) {
    Plan plan;
    Position position;
    for (int i = 0; i < 12; ++i) {
      const int64_t elements = 1 + below(8);
      const int64_t offset = 4 * below(kBytes / 4 - elements + 1);
      position.buffers.push_back(
          {"", ArenaKind::kWorkspace, offset, {DType::kF32, Shape{elements}}});
    }
    const Segments segments(plan, {}, position);
    Contents contents(segments);
    std::vector<Byte> bytes(kBytes);
    for (int write = 0; write < 20; ++write) {
      const BufferId id(below(12));
      const Buffer& buffer = position.buffers[id.index()];
      const auto begin = bytes.begin() + buffer.offset;
      const BufferId from(below(12));
      const Buffer& source = position.buffers[from.index()];
      if (below(2) == 0) {
        const Value value = below(6) == 0 ? Value(ValueKind::kZero)
                                          : OfMicrobatch(ValueKind::kLoss, MicrobatchId(below(3)));
        contents.Fill(segments.Of(id), value);
        EXPECT_EQ(contents.Whole(segments.Of(id)), value);
        for (int64_t i = 0; i < buffer.type.Bytes(); ++i) {
          begin[i] = {value, HasBeginning(value) ? i : 0};
        }
      } else if (source.type == buffer.type) {
        contents.Write(segments.Of(id), contents.Read(segments.Of(from)));
        const std::vector<Byte> copy(bytes.begin() + source.offset,
                                     bytes.begin() + source.offset + source.type.Bytes());
        std::ranges::copy(copy, begin);
      }
      const Buffer& look = position.buffers[from.index()];
      const std::vector<ValuePiece> pieces = contents.Read(segments.Of(from));
      const std::vector<Byte> wanted(bytes.begin() + look.offset,
                                     bytes.begin() + look.offset + look.type.Bytes());
      ASSERT_EQ(BytesOf(pieces), wanted) << "round " << round << ", write " << write;
      const bool whole = pieces.size() == 1 && pieces[0].offset == 0;
      EXPECT_EQ(contents.Whole(segments.Of(from)), whole ? pieces[0].value : Value());
    }
  }
}

TEST(Contents, JoinWhatContinuesAndKeepWhatPersists) {
  Plan plan;
  Position position;
  const auto add = [&](ArenaKind arena, int64_t offset, int64_t elements) {
    position.buffers.push_back({"", arena, offset, {DType::kF32, Shape{elements}}});
    return BufferId(static_cast<int64_t>(position.buffers.size()) - 1);
  };
  const BufferId whole = add(ArenaKind::kParameters, 0, 16);
  const BufferId part = add(ArenaKind::kParameters, 16, 4);
  const BufferId other = add(ArenaKind::kFrames, 0, 16);
  const Segments segments(plan, {}, position);
  EXPECT_EQ(segments.Of(whole).end - segments.Of(whole).begin, 3);
  Contents contents(segments);
  const Value a = OfMicrobatch(ValueKind::kTokens, MicrobatchId(1));
  const Value b = OfMicrobatch(ValueKind::kTokens, MicrobatchId(2));
  contents.Fill(segments.Of(whole), a);
  EXPECT_EQ(contents.Read(segments.Of(whole)).size(), 1u);
  contents.Fill(segments.Of(part), b);
  const std::vector<ValuePiece> pieces = contents.Read(segments.Of(whole));
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[1].begin, 16);
  EXPECT_EQ(pieces[1].value, b);
  EXPECT_EQ(pieces[2].offset, 32);
  // One segment, three values.
  contents.Write(segments.Of(other), pieces);
  EXPECT_EQ(contents.Read(segments.Of(other)).size(), 3u);
  EXPECT_EQ(contents.Whole(segments.Of(other)), Value());
  const Contents kept = contents.OnlyPersistent();
  EXPECT_EQ(kept.Read(segments.Of(whole)).size(), 3u);
  EXPECT_EQ(kept.Whole(segments.Of(other)), Value());
  EXPECT_EQ(kept.Read(segments.Of(other)).size(), 1u);
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
