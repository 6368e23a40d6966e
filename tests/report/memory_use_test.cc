#include "compiler/report/memory_use.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "compiler/simulate/live_activations.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

std::string Text(const std::vector<UsePoint>& points) {
  std::string text;
  for (const UsePoint& point : points) {
    if (!text.empty()) text += ' ';
    text += std::to_string(static_cast<int64_t>(point.time)) + ":" + std::to_string(point.amount);
  }
  return text;
}

// A plan of one rank whose step is these instructions on one stream, each a unit of time long, with
// buffers in the arena of frames.
std::vector<RankUse> MemoryOfStep(const std::vector<Operands>& step,
                                  const std::vector<std::pair<int64_t, int64_t>>& buffers) {
  Plan plan = PipelinePlan(testing::GPipe(1, 1));
  Position& position = plan.positions[0];
  position.buffers.clear();
  for (const auto& [offset, bytes] : buffers) {
    position.buffers.push_back({"frame", ArenaKind::kFrames, offset, {DType::kF32, {bytes / 4}}});
  }
  position.arena_bytes[static_cast<size_t>(ArenaKind::kFrames)] = 100;
  position.arena_bytes[static_cast<size_t>(ArenaKind::kParameters)] = 7;
  position.programs[1].instructions.clear();
  Trace trace;
  for (const Operands& operands : step) {
    const auto index = static_cast<int32_t>(position.programs[1].instructions.size());
    position.programs[1].instructions.push_back({StreamId(0), {}, operands});
    trace.events.push_back({0, ProgramKind::kStep, 0, index, index * 1.0, index + 1.0});
  }
  return MemoryOf(plan, LinkRun(plan, trace, 0));
}

const Operands kWriteFirst = Zero{BufferId(0)}, kWriteSecond = Zero{BufferId(1)};
const Operands kCopy = Add{BufferId(0), BufferId(1)};  // reads 0, accumulates into 1

TEST(MemoryOf, CountsBytesFromTheFirstWriteToTheLastRead) {
  const std::vector<RankUse> memory =
      MemoryOfStep({kWriteFirst, kWriteSecond, kCopy, kCopy}, {{0, 40}, {40, 20}});
  ASSERT_EQ(memory.size(), 1u);
  EXPECT_EQ(Text(memory[0].bytes), "0:40 1:60 4:0");
  EXPECT_EQ(PeakOf(memory[0].bytes), 60);
  EXPECT_EQ(memory[0].reserved, 100);
  EXPECT_EQ(memory[0].fixed, 7);
}

TEST(MemoryOf, EndsALifeWithItsLastReadAndBeginsAnotherWithTheNextWrite) {
  const std::vector<RankUse> memory =
      MemoryOfStep({kWriteSecond, kWriteFirst, kCopy, Zero{BufferId(2)}, kWriteFirst},
                   {{0, 40}, {40, 20}, {60, 8}});
  EXPECT_EQ(Text(memory[0].bytes), "0:20 1:60 3:8 4:40 5:0");
}

// Two buffers on the same bytes are one piece of memory.
TEST(MemoryOf, CountsSharedMemoryOnce) {
  const std::vector<RankUse> memory = MemoryOfStep(
      {kWriteFirst, Add{BufferId(0), BufferId(0)}, kWriteSecond, Add{BufferId(1), BufferId(1)}},
      {{0, 40}, {20, 40}});
  EXPECT_EQ(Text(memory[0].bytes), "0:40 4:0");
}

TEST(MemoryOf, CountsActivationsAsTheScheduleHoldsThem) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const Figures figures = Summarise(plan, trace);
  const std::vector<RankUse> memory = MemoryOf(plan, LinkRun(plan, trace, 0));
  ASSERT_EQ(memory.size(), 4u);
  for (size_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(PeakOf(memory[rank].activations), 4 - static_cast<int64_t>(rank));
    EXPECT_EQ(PeakOf(memory[rank].activations), figures.peak_activations[rank]);
    EXPECT_EQ(memory[rank].activations.back().amount, 0);
  }
  EXPECT_EQ(Text(memory[3].activations), "3:1 27:0");
}

// Forward 0, forward 1 beside backward 0, backward 1, as instructions 0 to 3. In a run the two of a
// pair drift apart.
TEST(MemoryOf, DrawsActivationsAsTheFigureOfTheRunCountsThem) {
  const Plan plan = PipelinePlan({{{TaskKind::kForward, 0},
                                   {TaskKind::kForward, 1},
                                   {TaskKind::kBackward, 0, testing::Task::Stream::kBeside},
                                   {TaskKind::kBackward, 1}}});
  const ProgramKind step = ProgramKind::kStep;
  const auto drawn = [&](const TraceEvent& forward, const TraceEvent& backward) {
    Trace trace = {.kind = Trace::Kind::kMeasured, .events = {}};
    trace.events = {{0, step, 0, 0, 0, 1}, forward, backward, {0, step, 0, 3, 8, 9}};
    std::ranges::sort(trace.events, {}, &TraceEvent::begin);
    const std::vector<RankUse> memory = MemoryOf(plan, LinkRun(plan, trace, 0));
    EXPECT_EQ(PeakOf(memory[0].activations), LiveActivations(plan, trace).at(0));
    return Text(memory[0].activations);
  };
  EXPECT_EQ(drawn({0, step, 0, 1, 1, 4}, {0, step, 0, 2, 2, 5}), "0:1 1:2 5:1 9:0");
  // The backward first: it holds its activation until the forward has one of its own.
  EXPECT_EQ(drawn({0, step, 0, 1, 5, 7}, {0, step, 0, 2, 1, 3}), "0:1 5:2 5:1 9:0");
}

TEST(MemoryOf, CountsActivationsOfInferenceWhileTheyAreMade) {
  const Plan plan = PipelinePlan({{{TaskKind::kForward, 0}, {TaskKind::kForward, 1}}});
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=2"));
  EXPECT_EQ(Text(MemoryOf(plan, LinkRun(plan, trace, 0))[0].activations), "0:1 4:0");
  EXPECT_EQ(LiveActivations(plan, trace).at(0), 1);
}

}  // namespace
}  // namespace pprun
