#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

// Slots of the frames of the position's first block.
size_t Frames(const Plan& plan, size_t position) {
  std::set<std::string> slots;
  for (const Buffer& buffer : plan.positions[position].buffers) {
    if (buffer.name.starts_with("frame["))
      slots.insert(buffer.name.substr(0, buffer.name.find(']')));
  }
  return slots.size();
}

TEST(AssignMemoryTest, FramesAreThePublishedPeaks) {
  for (int pp : {1, 2, 3, 4}) {
    for (int microbatches : {1, 3, 8}) {
      const Plan all =
          CompilePlan({.pp = pp, .microbatches = microbatches, .schedule = "schedule gpipe;"});
      const Plan few = CompilePlan(
          {.pp = pp, .microbatches = microbatches, .schedule = "schedule one_f_one_b;"});
      for (int rank = 0; rank < pp; ++rank) {
        EXPECT_EQ(Frames(all, static_cast<size_t>(rank)), static_cast<size_t>(microbatches));
        EXPECT_EQ(Frames(few, static_cast<size_t>(rank)),
                  static_cast<size_t>(std::min(microbatches, pp - rank)));
      }
    }
  }
}

TEST(AssignMemoryTest, BuffersLieInTheirArenasAndOnlyCoversOverlap) {
  const Plan plan = CompilePlan({.pp = 2, .dp = 2, .gradients = "gradients ddp(bucket = 16 KiB);"});
  for (const Position& position : plan.positions) {
    for (size_t i = 0; i < position.buffers.size(); ++i) {
      const Buffer& a = position.buffers[i];
      EXPECT_EQ(a.offset % kAlignment, 0);
      EXPECT_GE(a.offset, 0);
      EXPECT_LE(a.offset + a.type.Bytes(), position.arena_bytes[static_cast<size_t>(a.arena)])
          << a.name;
      for (size_t k = 0; k < i; ++k) {
        const Buffer& b = position.buffers[k];
        const bool apart = a.arena != b.arena || a.offset + a.type.Bytes() <= b.offset ||
                           b.offset + b.type.Bytes() <= a.offset;
        EXPECT_TRUE(apart || a.arena == ArenaKind::kGradients) << a.name << " and " << b.name;
      }
    }
  }
}

TEST(AssignMemoryTest, MemoryDoesNotGrowWithMicrobatchesUnderOneFOneB) {
  const Plan few = CompilePlan({.pp = 4, .microbatches = 8});
  const Plan many = CompilePlan({.pp = 4, .microbatches = 32});
  const size_t frames = static_cast<size_t>(ArenaKind::kFrames),
               slots = static_cast<size_t>(ArenaKind::kTransferSlots);
  for (size_t p = 0; p < 4; ++p) {
    EXPECT_EQ(few.positions[p].arena_bytes[frames], many.positions[p].arena_bytes[frames]);
    EXPECT_EQ(few.positions[p].arena_bytes[slots], many.positions[p].arena_bytes[slots]);
  }
}

}  // namespace
}  // namespace pprun
