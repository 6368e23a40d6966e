#include "compiler/report/looks.h"

#include <gtest/gtest.h>

#include <variant>

#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

template <typename Change>
void ChangeRuns(Plan& plan, size_t position, const Change& change) {
  for (Instruction& instruction : plan.positions[position].programs[1].instructions) {
    if (Run* run = std::get_if<Run>(&instruction.operands)) change(*run);
  }
}

TEST(LooksOf, SeesOnePipeAndOneChunkInALinearPlan) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const Looks looks = LooksOf(plan);
  EXPECT_EQ(looks.pipe_count, 1);
  EXPECT_EQ(looks.chunk_count, 1);
  EXPECT_EQ(looks.pipes, std::vector<int>(8, 0));
  const BoxLook look = LookOf(looks, PositionId(2), {.kind = TaskKind::kBackward});
  EXPECT_EQ(Hex(look.fill), Hex(ColourOf(TaskKind::kBackward)));
  EXPECT_EQ(look.hatch, BoxLook::Hatch::kNone);
}

TEST(LooksOf, MakesTheSecondChunkLighter) {
  Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  ChangeRuns(plan, 0, [](pprun::Run& run) { run.chunk = ChunkId(run.microbatch.value % 2); });
  const Looks looks = LooksOf(plan);
  EXPECT_EQ(looks.chunk_count, 2);
  const Rgb colour = ColourOf(TaskKind::kForward);
  const auto hex = [&](int chunk) {
    return Hex(LookOf(looks, PositionId(0), {.chunk = ChunkId(chunk)}).fill);
  };
  EXPECT_EQ(hex(0), Hex(colour));
  EXPECT_EQ(hex(1), Hex(ForChunk(colour, 1, 2)));
}

// Microbatches 2 and 3 enter at the other end: they are the second pipe, and its chunk is no
// further chunk of the first.
TEST(LooksOf, HatchesTheSecondPipeOfABidirectionalPlan) {
  Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  for (size_t position : {0, 1}) {
    ChangeRuns(plan, position, [&](pprun::Run& run) {
      if (run.microbatch.value < 2) return;
      run.stage = StageId(1 - static_cast<int>(position));
      run.chunk = ChunkId(1);
    });
  }
  const Looks looks = LooksOf(plan);
  EXPECT_EQ(looks.pipe_count, 2);
  EXPECT_EQ(looks.chunk_count, 1);
  EXPECT_EQ(looks.pipes, (std::vector<int>{0, 0, 1, 1}));
  const BoxLook look =
      LookOf(looks, PositionId(0), {.chunk = ChunkId(1), .microbatch = MicrobatchId(3)});
  EXPECT_EQ(look.hatch, BoxLook::Hatch::kDiagonal);
  EXPECT_EQ(Hex(look.fill), Hex(ColourOf(TaskKind::kForward)));
}

}  // namespace
}  // namespace pprun
