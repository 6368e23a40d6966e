#include "compiler/report/idle.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <variant>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

RunTimes Times(const Plan& plan, const Trace& trace, int64_t repeat = 0) {
  return TimesOf(LinkRun(plan, trace, repeat));
}

double Idle(const RankTime& time, IdleCause cause) { return time.idle[static_cast<size_t>(cause)]; }

void ExpectWhole(const RunTimes& times) {
  for (const RankTime& rank : times.ranks) {
    const double idle = std::accumulate(rank.idle.begin(), rank.idle.end(), 0.0);
    EXPECT_NEAR(rank.busy + idle, times.end - times.begin, 1e-9) << "rank " << rank.rank;
    for (const double cause : rank.idle) EXPECT_GE(cause, 0);
  }
}

// Rank 0 runs F 0-1 and B 5-7, rank 1 F 1.5-2.5 and B 2.5-4.5.
TEST(TimesOf, TellsDependenciesFromTransfers) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const RunTimes times =
      Times(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5")));
  ExpectWhole(times);
  ASSERT_EQ(times.ranks.size(), 2u);
  EXPECT_EQ(times.end - times.begin, 7);
  const RankTime &first = times.ranks[0], &second = times.ranks[1];
  EXPECT_EQ(first.busy, 3);
  EXPECT_DOUBLE_EQ(Idle(first, IdleCause::kDependency), 3.5);
  EXPECT_DOUBLE_EQ(Idle(first, IdleCause::kTransfer), 0.5);
  EXPECT_EQ(Idle(first, IdleCause::kOutside), 0);
  EXPECT_EQ(second.busy, 3);
  EXPECT_DOUBLE_EQ(Idle(second, IdleCause::kDependency), 1);
  EXPECT_DOUBLE_EQ(Idle(second, IdleCause::kTransfer), 0.5);
  EXPECT_DOUBLE_EQ(Idle(second, IdleCause::kOutside), 2.5);
}

// The activation is there at 1, its transfer begins at 1.3 and ends at 1.8, rank 1 goes on at 1.9,
// and its backward starts 0.2 late.
TEST(TimesOf, TellsQueuesAndLateLaunchesFromTheRest) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"));
  bool moved = false;
  for (TraceEvent& event : trace.events) {
    const Position& position = plan.positions[static_cast<size_t>(event.rank)];
    const Instruction& instruction =
        position.programs[1].instructions[static_cast<size_t>(event.instruction)];
    const auto* task = std::get_if<pprun::Run>(&instruction.operands);
    if (event.rank == 0 && std::holds_alternative<Send>(instruction.operands)) {
      event.begin = 1.3;
      event.end = 1.8;
    } else if (event.rank == 1 && event.end == 1.5) {
      // The receive, its record, and the wait of the compute stream.
      event.end = instruction.stream == StreamId(0) ? 1.9 : 1.8;
      if (std::holds_alternative<Record>(instruction.operands)) event.begin = 1.8;
      moved = true;
    } else if (event.rank == 1 && task != nullptr) {
      event.begin += task->kind == TaskKind::kForward ? 0.4 : 0.6;
      event.end += task->kind == TaskKind::kForward ? 0.4 : 0.6;
    } else if (event.end > 1.5) {
      event.end += 0.6;
      if (event.begin > 1.5) event.begin += 0.6;
    }
  }
  ASSERT_TRUE(moved);
  const RunTimes times = Times(plan, trace);
  ExpectWhole(times);
  const RankTime& second = times.ranks[1];
  EXPECT_NEAR(Idle(second, IdleCause::kDependency), 1, 1e-9);
  EXPECT_NEAR(Idle(second, IdleCause::kQueue), 0.3, 1e-9);
  EXPECT_NEAR(Idle(second, IdleCause::kTransfer), 0.5, 1e-9);
  EXPECT_NEAR(Idle(second, IdleCause::kLaunch), 0.1 + 0.2, 1e-9);
}

TEST(TimesOf, CountsOtherWorkOfTheComputeStreamApart) {
  Plan plan = PipelinePlan(testing::GPipe(1, 1));
  std::vector<Instruction>& step = plan.positions[0].programs[1].instructions;
  step.insert(step.begin() + 1, {StreamId(0), SourceId(1), Zero{BufferId(0)}});
  Trace trace;
  trace.events = {{0, ProgramKind::kStep, 0, 0, 0, 1},
                  {0, ProgramKind::kStep, 0, 1, 1.25, 2},
                  {0, ProgramKind::kStep, 0, 2, 2, 4}};
  const RunTimes times = Times(plan, trace);
  ExpectWhole(times);
  ASSERT_EQ(times.ranks.size(), 1u);
  EXPECT_EQ(times.ranks[0].busy, 3);
  EXPECT_EQ(Idle(times.ranks[0], IdleCause::kOther), 0.75);
  EXPECT_EQ(Idle(times.ranks[0], IdleCause::kLaunch), 0.25);
}

// A thread that is held up while it records an event does no work.
TEST(TimesOf, CountsALongRecordAsALateLaunch) {
  Plan plan = PipelinePlan(testing::GPipe(1, 1));
  std::vector<Instruction>& step = plan.positions[0].programs[1].instructions;
  step.insert(step.begin() + 1, {StreamId(0), SourceId(1), Record{EventId(0)}});
  plan.positions[0].programs[1].events = 1;
  Trace trace;
  trace.events = {{0, ProgramKind::kStep, 0, 0, 0, 1},
                  {0, ProgramKind::kStep, 0, 1, 1, 1.5},
                  {0, ProgramKind::kStep, 0, 2, 1.5, 4}};
  const RunTimes times = Times(plan, trace);
  ExpectWhole(times);
  EXPECT_EQ(Idle(times.ranks[0], IdleCause::kLaunch), 0.5);
  EXPECT_EQ(Idle(times.ranks[0], IdleCause::kOther), 0);
}

// Nothing of a prediction is late without a reason, and the whole is the bubble.
TEST(TimesOf, ExplainsEveryPredictionWithoutLaunchGaps) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const int ranks = 1 + static_cast<int>(random() % 5);
    const int microbatches = 1 + static_cast<int>(random() % 9);
    const Plan plan = PipelinePlan(seed % 2 == 0 ? OneForwardOneBackward(ranks, microbatches)
                                                 : testing::ZeroBubbleH1(ranks, microbatches),
                                   {.layers = 2});
    const std::string costs =
        "F=" + std::to_string(1 + random() % 5) + ",I=" + std::to_string(1 + random() % 5) +
        ",W=" + std::to_string(1 + random() % 5) + ",C=" + std::to_string(random() % 4);
    const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts(costs), 2);
    for (const int64_t repeat : {0, 1}) {
      const RunTimes times = Times(plan, trace, repeat);
      ExpectWhole(times);
      const Figures figures = Summarise(plan, trace, repeat);
      ASSERT_EQ(times.ranks.size(), figures.busy.size());
      EXPECT_NEAR(times.end - times.begin, figures.makespan, 1e-9);
      for (size_t i = 0; i < times.ranks.size(); ++i) {
        EXPECT_NEAR(times.ranks[i].busy, figures.busy[i], 1e-9);
        EXPECT_NEAR(Idle(times.ranks[i], IdleCause::kLaunch), 0, 1e-9);
      }
    }
  }
}

// Rank 0 runs F 0-1, and from 5 on F1 beside B0, whose gradient is computed by 4.5 and there at 5.
TEST(TimesOf, TellsWhatHoldsUpTheOtherHalfOfAPair) {
  constexpr TaskKind kF = TaskKind::kForward, kB = TaskKind::kBackward;
  const Plan plan =
      PipelinePlan({{{kF, 0}, {kF, 1}, {kB, 0, testing::Task::Stream::kBeside}, {kB, 1}},
                    {{kF, 0}, {kB, 0}, {kF, 1}, {kB, 1}}});
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"));
  RunTimes times = Times(plan, trace);
  ExpectWhole(times);
  const RankTime& first = times.ranks[0];
  EXPECT_DOUBLE_EQ(Idle(first, IdleCause::kLaunch), 0);
  // Until 4.5, and while rank 1 runs F1 and B1.
  EXPECT_DOUBLE_EQ(Idle(first, IdleCause::kDependency), 3.5 + 3.5);
  EXPECT_DOUBLE_EQ(Idle(first, IdleCause::kTransfer), 0.5 + 0.5);
  // Measured, nothing holds the forward: what it is late is its own.
  Trace measured = trace;
  for (TraceEvent& event : measured.events) {
    const Instruction& instruction = plan.positions[static_cast<size_t>(event.rank)]
                                         .programs[1]
                                         .instructions[static_cast<size_t>(event.instruction)];
    const auto* task = std::get_if<pprun::Run>(&instruction.operands);
    if (task != nullptr && event.rank == 0 && event.begin == 5 && task->kind == kF) {
      event.begin = 4.75;
    }
  }
  times = Times(plan, measured);
  ExpectWhole(times);
  EXPECT_DOUBLE_EQ(Idle(times.ranks[0], IdleCause::kLaunch), 3.75);
}

TEST(TimesOf, IsWholeWhateverTheClocksSay) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(3, 4));
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> noise(-0.3, 0.3);
    Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.2"));
    for (TraceEvent& event : trace.events) {
      event.begin += noise(random);
      event.end = std::max(event.begin, event.end + noise(random));
    }
    const RunTimes times = Times(plan, trace);
    for (const RankTime& rank : times.ranks) {
      const double idle = std::accumulate(rank.idle.begin(), rank.idle.end(), 0.0);
      EXPECT_LE(rank.busy + idle, times.end - times.begin + 1e-9);
      EXPECT_GE(rank.busy + idle, 0.9 * (times.end - times.begin));
    }
  }
  EXPECT_TRUE(Times(plan, {}).ranks.empty());
}

}  // namespace
}  // namespace pprun
