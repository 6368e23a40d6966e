#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "compiler/simulate/figures.h"
#include "compiler/simulate/simulate.h"
#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

size_t Slots(const Plan& plan, size_t position, const std::string& pool) {
  std::set<std::string> slots;
  for (const Buffer& buffer : plan.positions[position].buffers) {
    if (buffer.name.starts_with(pool + "["))
      slots.insert(buffer.name.substr(0, buffer.name.find(']')));
  }
  return slots.size();
}

// Slots of the frames of the position's first block.
size_t Frames(const Plan& plan, size_t position) { return Slots(plan, position, "frame"); }

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

// What arrives next need not wait for the weight gradient that reads what arrived first: received
// activations and gradients live until then. Without a slot more it took 62.5.
TEST(AssignMemoryTest, TransfersHaveOneSlotMoreThanTheyFill) {
  const Plan plan =
      CompilePlan({.pp = 4, .microbatches = 16, .schedule = "schedule zero_bubble_h1;"});
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("C=0.5"));
  EXPECT_EQ(Summarise(plan, trace).makespan, 57);
  for (size_t p = 0; p < 4; ++p) {
    EXPECT_EQ(Slots(plan, p, "sent activation"), p < 3 ? 2u : 0u);
    EXPECT_EQ(Slots(plan, p, "received activation"), p > 0 ? 5u : 0u);
    EXPECT_EQ(Slots(plan, p, "received gradient"), p < 3 ? p + 2 : 0u);
  }
}

// The two of a pair on one chunk run side by side, whichever is written first: neither waits for
// memory of the other.
TEST(AssignMemoryTest, PairsOfOneChunkOverlap) {
  struct Case {
    std::string tasks;
    double makespan = 36;  // six microbatches of F + B = 6 without a gap
  };
  const std::string each = "forward(0); for i in 1 .. 6 { ", last = " } backward(5);";
  const std::string twos = "for k in 0 .. 3 { forward(2 * k); forward(2 * k + 1); ";
  const std::vector<Case> cases = {
      {each + "overlap { forward(i); backward(i - 1); }" + last},
      {each + "overlap { backward(i - 1); forward(i); }" + last},
      {each + "overlap { forward(i); input_grad(i - 1); } weight_grad(i - 1);" + last},
      {each + "overlap { input_grad(i - 1); forward(i); } weight_grad(i - 1);" + last},
      {each + "input_grad(i - 1); overlap { forward(i); weight_grad(i - 1); }" + last},
      {each + "input_grad(i - 1); overlap { weight_grad(i - 1); forward(i); }" + last},
      {"forward(0); input_grad(0); for i in 1 .. 6 { forward(i); overlap { input_grad(i); "
       "weight_grad(i - 1); } } weight_grad(5);"},
      {"forward(0); input_grad(0); for i in 1 .. 6 { forward(i); overlap { weight_grad(i - 1); "
       "input_grad(i); } } weight_grad(5);"},
      {"for k in 0 .. 3 { overlap { forward(2 * k); forward(2 * k + 1); } backward(2 * k); "
       "backward(2 * k + 1); }"},
      {twos + "overlap { input_grad(2 * k); input_grad(2 * k + 1); } weight_grad(2 * k); "
              "weight_grad(2 * k + 1); }"},
      // Both add to the same gradients, one after the other: the second is a layer of six behind.
      {twos + "overlap { backward(2 * k); backward(2 * k + 1); } }", 36 + 3 * 8.0 / 6},
  };
  for (const Case& c : cases) {
    const Plan plan = CompilePlan(
        {.pp = 1,
         .microbatches = 6,
         .schedule = "schedule paired { order on rank r { " + c.tasks + " } }\nschedule paired;"});
    const Figures figures =
        Summarise(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=2,I=2,W=2")));
    EXPECT_DOUBLE_EQ(figures.makespan, c.makespan) << c.tasks;
    EXPECT_EQ(Frames(plan, 0), static_cast<size_t>(figures.peak_activations[0])) << c.tasks;
  }
}

}  // namespace
}  // namespace pprun
