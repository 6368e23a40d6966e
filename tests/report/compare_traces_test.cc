#include "compiler/report/compare_traces.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "compiler/report/instruction_text.h"
#include "compiler/report/numbers.h"
#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

// The prediction with other costs, in milliseconds, on every replica, as steps 5 and 6.
Trace Measured(const Plan& plan, const std::string& costs) {
  Trace trace = {.kind = Trace::Kind::kMeasured, .events = {}};
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts(costs), 2);
  for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
    for (TraceEvent event : predicted.events) {
      if (event.rank != PredictedRankOf(plan, rank)) continue;
      event.rank = rank;
      event.repeat += 4;
      event.begin *= 1e-3;
      event.end *= 1e-3;
      trace.events.push_back(event);
    }
  }
  return trace;
}

TEST(Compare, FindsNoDifferenceWhereThereIsNone) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8), {.layers = 2, .data_parallel = 2});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"), 2);
  const TraceComparison comparison = Compare(plan, predicted, Measured(plan, "F=1,B=2,C=0.5"), {});
  EXPECT_NEAR(comparison.unit, 1e-3, 1e-12);
  EXPECT_EQ(comparison.repeat, 5);
  ASSERT_EQ(comparison.measured.ranks.size(), 8u);
  ASSERT_EQ(comparison.predicted.ranks.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    const RankTime &expected = comparison.predicted.ranks[i], &found = comparison.measured.ranks[i];
    EXPECT_EQ(expected.rank, static_cast<int64_t>(i));
    EXPECT_NEAR(expected.busy, found.busy, 1e-9);
    for (size_t cause = 0; cause < kIdleCauseCount; ++cause) {
      EXPECT_NEAR(expected.idle[cause], found.idle[cause], 1e-9);
    }
  }
  size_t instructions = 0;
  for (const Position& position : plan.positions) {
    instructions += 2 * position.programs[1].instructions.size();
  }
  ASSERT_EQ(comparison.instructions.size(), instructions);
  for (const ComparedInstruction& compared : comparison.instructions) {
    EXPECT_NEAR(compared.predicted_begin, compared.measured_begin, 1e-9);
    EXPECT_NEAR(compared.predicted_end, compared.measured_end, 1e-9);
  }
}

TEST(Compare, ShowsSlowTransfersAsTransfers) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"));
  const TraceComparison comparison = Compare(plan, predicted, Measured(plan, "F=1,B=2,C=1.5"), {});
  const size_t transfer = static_cast<size_t>(IdleCause::kTransfer);
  EXPECT_NEAR(comparison.predicted.ranks[0].idle[transfer], 0.5e-3, 1e-9);
  EXPECT_NEAR(comparison.measured.ranks[0].idle[transfer], 1.5e-3, 1e-9);
}

// Both bubbles are those that `ppc simulate` gives such a plan.
TEST(Compare, CountsTheWorkOfPairsAsFiguresDo) {
  using testing::Task;
  const TaskKind forward = TaskKind::kForward, backward = TaskKind::kBackward;
  const Plan plan = PipelinePlan(
      {{{forward, 0}, {forward, 1}, {backward, 0, Task::Stream::kBeside}, {backward, 1}},
       {{forward, 0}, {backward, 0}, {forward, 1}, {backward, 1}}});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,FB=2"));
  const Trace measured = Measured(plan, "F=2,B=2,FB=3");
  const std::string head = ComparisonHead(plan, Compare(plan, predicted, measured, {}));
  const auto bubble = [&](const Trace& trace, int64_t repeat) {
    return ", bubble " + Percent(Summarise(plan, trace, repeat).bubble_of_makespan);
  };
  const size_t second = head.find("measured makespan");
  ASSERT_NE(second, std::string::npos);
  EXPECT_NE(head.substr(0, second).find(bubble(predicted, 0)), std::string::npos) << head;
  EXPECT_NE(head.substr(second).find(bubble(measured, 5)), std::string::npos) << head;
}

TEST(Compare, TakesSecondsAsTheyAre) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2));
  Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=0.001,B=0.002"));
  predicted.unit = Trace::Unit::kSecond;
  const TraceComparison comparison = Compare(plan, predicted, Measured(plan, "F=2,B=4"), {});
  EXPECT_EQ(ComparisonHead(plan, comparison).find("unit"), std::string::npos);
  EXPECT_EQ(comparison.unit, 1);
  EXPECT_NEAR(comparison.measured.ranks[1].busy, 2 * comparison.predicted.ranks[1].busy, 1e-9);
}

TEST(Compare, ComparesTheStepThatIsAskedFor) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2));
  const Trace predicted = Simulate(plan, ProgramKind::kStep, CostTable{});
  const Trace measured = Measured(plan, "F=1,B=2");
  EXPECT_EQ(Compare(plan, predicted, measured, {.repeat = 4}).repeat, 4);
  EXPECT_THROW(Compare(plan, predicted, measured, {.repeat = 0}), std::runtime_error);
  EXPECT_THROW(Compare(plan, predicted, {}, {}), std::runtime_error);
  EXPECT_THROW(Compare(plan, {}, measured, {}), std::runtime_error);
}

TEST(Compare, SaysItAsText) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"));
  const TraceComparison comparison =
      Compare(plan, predicted, Measured(plan, "F=1,B=2,C=1.5"), {.repeat = 4});
  EXPECT_EQ(ComparisonHead(plan, comparison),
            R"(one_f_one_b, 2 stages, 1 microbatch, step 5
predicted makespan 7 ms, bubble 57.1 % (a unit of the costs taken as 1 ms, which makes the work as long as measured)
measured makespan  9 ms, bubble 66.7 %
)");
  EXPECT_EQ(ComparisonTables(plan, comparison, ComparisonDetail::kKinds),
            R"(where each rank's time went, in ms
                     busy  dependency  queue  transfer  launch  other work  outside
rank 0  predicted  3.0000      3.5000      0    0.5000       0           0        0
        measured   3.0000      4.5000      0    1.5000       0           0        0
rank 1  predicted  3.0000      1.0000      0    0.5000       0           0   2.5000
        measured   3.0000      1.0000      0    1.5000       0           0   3.5000
  dependency  what it needs was not computed yet
  queue       computed, but its transfer stood behind others
  transfer    on its way
  launch      nothing was missing: gaps between instructions
  other work  loads, sums and updates
  outside     before the rank's first instruction or after its last

what instructions take in the mean, waiting for partners included
               count  predicted  measured  shortest  longest  measured/predicted
recv               2    3.25 ms   4.75 ms    2.5 ms     7 ms               1.462
block.forward      4     1.5 ms    1.5 ms      1 ms     2 ms                   1
send               2     500 us    1.5 ms    1.5 ms   1.5 ms                   3
)");
  const std::string all = ComparisonTables(plan, comparison, ComparisonDetail::kInstructions);
  EXPECT_NE(all.find("\nrank 1  predicted at     for  measured at     for\n"), std::string::npos)
      << all;
  EXPECT_NE(all.find("2 ms  run @block.forward"), std::string::npos) << all;
}

TEST(TextTimeline, PutsThePredictionAboveEachRank) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1), {.data_parallel = 2});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const Trace measured = Measured(plan, "F=2,B=1");
  const TraceComparison comparison = Compare(plan, predicted, measured, {.repeat = 4});
  EXPECT_EQ(TextTimeline(plan, predicted, measured, comparison, {.width = 60}),
            R"(rank 0 predicted │ 0 │···········│░░░0░░░│
       measured  │   0   │···········│░0░│
rank 1 predicted │ 0 │···········│░░░0░░░│
       measured  │   0   │···········│░0░│
rank 2 predicted ····│ 0 │░░░0░░░│·······
       measured  ········│   0   │░0░│···
rank 3 predicted ····│ 0 │░░░0░░░│·······
       measured  ········│   0   │░0░│···
time             0       2       4       6 ms

│ i │ forward   │░i░│ backward   · idle   i: microbatch
)");
}

TEST(InstructionText, NamesEveryKind) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  EXPECT_EQ(KindText(plan, {{}, {}, Wait{EventId(0)}}), "wait");
  EXPECT_EQ(KindText(plan, {{}, {}, Record{EventId(0)}}), "record");
  EXPECT_EQ(KindText(plan, {{}, {}, SquareSum{}}), "square sum");
  EXPECT_EQ(KindText(plan, {{}, {}, Permute{}}), "permute");
  EXPECT_EQ(KindText(plan, {{}, {}, Load{}}), "load");
  EXPECT_EQ(SourceText(plan, {{}, SourceId(0), Wait{}}), "tiny.sched:3 order");
  EXPECT_EQ(SourceText(plan, {}), "");
}

TEST(InstructionText, QuotesTheLine) {
  Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const Instruction instruction = {{}, SourceId(0), Wait{EventId(0)}};
  plan.files[0].text = "mesh\n\n\t forward(i);  \r\n";
  EXPECT_EQ(SourceLine(plan, instruction), "forward(i);");
  plan.files[0].text = "one line";
  EXPECT_EQ(SourceLine(plan, instruction), "") << "there is no line 3";
  plan.files[0].text = "\n\n  ";
  EXPECT_EQ(SourceLine(plan, instruction), "");
  EXPECT_EQ(SourceLine(plan, {}), "");
}

}  // namespace
}  // namespace pprun
