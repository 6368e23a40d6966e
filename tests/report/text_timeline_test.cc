#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::GPipe;
using testing::OneForwardOneBackward;
using testing::PipelinePlan;
using testing::ZeroBubbleH1;

std::string Draw(const Plan& plan, std::string_view costs, const TimelineOptions& options = {}) {
  return "\n" + TextTimeline(plan, Simulate(plan, ProgramKind::kStep, ParseCosts(costs)), options);
}

// Columns of a line: code points, all of which are one column wide.
int Columns(const std::string& line) {
  return static_cast<int>(std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

int WidestLine(const std::string& text) {
  std::istringstream lines(text);
  int widest = 0;
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, Columns(line));
  return widest;
}

TEST(TextTimeline, DrawsOneForwardOneBackward) {
  EXPECT_EQ(Draw(PipelinePlan(OneForwardOneBackward(4, 8)), "F=1,B=2"), R"(
one_f_one_b, 4 stages, 8 microbatches: predicted makespan 33, bubble 27.3 %

rank 0 │0│1│2│3│···········│░0░│4│░1░│5│░2░│6│░3░│7│░4░│·│░5░│·│░6░│·│░7░│
rank 1 ··│0│1│2│·······│░0░│3│░1░│4│░2░│5│░3░│6│░4░│7│░5░│·│░6░│·│░7░│···
rank 2 ····│0│1│···│░0░│2│░1░│3│░2░│4│░3░│5│░4░│6│░5░│7│░6░│·│░7░│·······
rank 3 ······│0│░0░│1│░1░│2│░2░│3│░3░│4│░4░│5│░5░│6│░6░│7│░7░│···········
units  0         5         10        15        20        25        30

│ i │ forward   │░i░│ backward   · idle   i: microbatch
)");
}

TEST(TextTimeline, MergesLayersAndNamesPositionsOfReplicas) {
  EXPECT_EQ(Draw(PipelinePlan(GPipe(2, 4), {.layers = 3, .data_parallel = 2}), "F=1,B=2"), R"(
one_f_one_b, 2 stages x 2 replicas, 4 microbatches: predicted makespan 15, bubble 20.0 %

position 0 │ 0 │ 1 │ 2 │ 3 │···········│░░░0░░░│░░░1░░░│░░░2░░░│░░░3░░░│
position 1 ····│ 0 │ 1 │ 2 │ 3 │░░░0░░░│░░░1░░░│░░░2░░░│░░░3░░░│·······
units      0       2       4       6       8       10      12      14

│ i │ forward   │░i░│ backward   · idle   i: microbatch   position: 2 ranks alike
)");
}

TEST(TextTimeline, DistinguishesTheHalvesOfABackward) {
  const Plan plan = PipelinePlan(ZeroBubbleH1(4, 8));
  EXPECT_EQ(Draw(plan, "F=1,I=1,W=1"), R"(
one_f_one_b, 4 stages, 8 microbatches: predicted makespan 27, bubble 11.1 %

rank 0 │0 │1 │2 │3 │········│0▒│0▓│4 │1▒│1▓│5 │2▒│2▓│6 │3▒│3▓│7 │4▒│4▓│5▒│5▓│6▒│6▓│7▒│7▓│
rank 1 ···│0 │1 │2 │·····│0▒│3 │1▒│0▓│4 │2▒│1▓│5 │3▒│2▓│6 │4▒│3▓│7 │5▒│4▓│6▒│5▓│7▒│6▓│7▓│
rank 2 ······│0 │1 │··│0▒│2 │1▒│3 │2▒│0▓│4 │3▒│1▓│5 │4▒│2▓│6 │5▒│3▓│7 │6▒│4▓│7▒│5▓│6▓│7▓│
rank 3 ·········│0 │0▒│1 │1▒│2 │2▒│3 │3▒│0▓│4 │4▒│1▓│5 │5▒│2▓│6 │6▒│3▓│7 │7▒│4▓│5▓│6▓│7▓│
units  0              5              10             15             20             25

│ i │ forward   │▒i▒│ input gradient   │▓i▓│ weight gradient   · idle   i: microbatch
)");
  // Two columns a box: the fill is the edge.
  EXPECT_EQ(Draw(plan, "F=1,I=1,W=1", {.width = 70}), R"(
one_f_one_b, 4 stages, 8 microbatches: predicted makespan 27, bubble 11.1 %

rank 0 │0│1│2│3│·····▒0▓0│4▒1▓1│5▒2▓2│6▒3▓3│7▒4▓4▒5▓5▒6▓6▒7▓7│
rank 1 ··│0│1│2│···▒0│3▒1▓0│4▒2▓1│5▒3▓2│6▒4▓3│7▒5▓4▒6▓5▒7▓6▓7│
rank 2 ····│0│1│·▒0│2▒1│3▒2▓0│4▒3▓1│5▒4▓2│6▒5▓3│7▒6▓4▒7▓5▓6▓7│
rank 3 ······│0▒0│1▒1│2▒2│3▒3▓0│4▒4▓1│5▒5▓2│6▒6▓3│7▒7▓4▓5▓6▓7│
units  0         5         10        15        20        25

│ i │ forward   │▒i▒│ input gradient   │▓i▓│ weight gradient   · idle   i: microbatch
)");
}

// Two chunks on every rank.
Plan Looped() {
  Plan plan = PipelinePlan(GPipe(2, 4));
  for (Position& position : plan.positions) {
    for (Instruction& instruction : position.programs[1].instructions) {
      Run* run = std::get_if<Run>(&instruction.operands);
      if (run != nullptr && run->microbatch.value >= 2) run->chunk = ChunkId(1);
    }
  }
  return plan;
}

TEST(TextTimeline, MarksFurtherChunks) {
  EXPECT_EQ(Draw(Looped(), "F=1,B=1"), R"(
one_f_one_b, 2 stages, 4 microbatches: predicted makespan 10, bubble 20.0 %

rank 0 │ 0  │ 1  │ 2₁ │ 3₁ │·········│░0░░│░1░░│░2₁░│░3₁░│
rank 1 ·····│ 0  │ 1  │ 2₁ │ 3₁ │░0░░│░1░░│░2₁░│░3₁░│····
units  0         2         4         6         8         10

│ i │ forward   │░i░│ backward   · idle   i: microbatch   i₁: of chunk 1
)");
  // Too narrow for a number with its mark, but not for a number.
  EXPECT_EQ(Draw(Looped(), "F=1,B=1", {.width = 30}), R"(
one_f_one_b, 2 stages, 4 microbatches: predicted makespan 10, bubble 20.0 %

rank 0 FFFFffff····BBBBbbbb
rank 1 ··FFFFffffBBBBbbbb··
units  0         5         10

F forward   B backward   · idle   (letters in proportion to the time)   f, b: of chunk 1
)");
}

TEST(TextTimeline, FallsBackToLetters) {
  EXPECT_EQ(Draw(PipelinePlan(OneForwardOneBackward(4, 16)), "F=1,B=2"), R"(
one_f_one_b, 4 stages, 16 microbatches: predicted makespan 57, bubble 15.8 %

rank 0 FFFF······BBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBB·BB·BB·BB
rank 1 ·FFF····BBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBB·BB·BB··
rank 2 ··FF··BBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBB·BB····
rank 3 ···FBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBBFBB······
units  0         10        20        30        40        50

F forward   B backward   · idle   (letters in proportion to the time)
)");
}

// Less than a column a task: the letters are still in the proportion of the times.
TEST(TextTimeline, KeepsTheProportionsOfDensePictures) {
  const std::string text = Draw(PipelinePlan(GPipe(1, 400)), "F=1,B=1");
  const std::string row = text.substr(text.find("rank 0"));
  const std::string line = row.substr(0, row.find('\n'));
  EXPECT_NEAR(static_cast<double>(std::ranges::count(line, 'F')), 46, 1);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(line, 'B')), 46, 1);

  const Plan mixed = PipelinePlan(OneForwardOneBackward(1, 300));
  const std::string picture = Draw(mixed, "F=1,B=2");
  const std::string mixed_row = picture.substr(picture.find("rank 0"));
  const std::string mixed_line = mixed_row.substr(0, mixed_row.find('\n'));
  EXPECT_NEAR(static_cast<double>(std::ranges::count(mixed_line, 'F')), 92 / 3.0, 1.5);
}

TEST(TextTimeline, FitsItsWidth) {
  for (const int width : {30, 60, 80, 100, 160}) {
    for (const int microbatches : {4, 8, 13, 100}) {
      for (const std::string_view costs : {"F=1,B=2", "F=1,B=2.3,C=0.17"}) {
        const Plan plan = PipelinePlan(OneForwardOneBackward(4, microbatches));
        const std::string text = Draw(plan, costs, {.width = width});
        const size_t rows = text.find("rank 0");
        const std::string picture = text.substr(rows, text.find("units ") - rows);
        EXPECT_LE(WidestLine(picture), width) << text;
        EXPECT_GE(WidestLine(picture), width / 2) << text;
      }
    }
  }
}

TEST(TextTimeline, ShowsTwoDigitNumbersWhole) {
  const std::string text =
      Draw(PipelinePlan(OneForwardOneBackward(2, 12)), "F=1,B=2", {.width = 130});
  EXPECT_NE(text.find("│11│"), std::string::npos) << text;
  EXPECT_NE(text.find("│░11░░│"), std::string::npos) << text;
}

// Two replicas, one slower; the trace begins long before the step that is drawn.
TEST(TextTimeline, DrawsStepsInARow) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"), 2);
  EXPECT_EQ(TextTimeline(plan, trace, {.width = 60, .repeat = kAllRepeats}),
            R"(one_f_one_b, 2 stages, 1 microbatch, 2 steps: predicted makespan 12, bubble 50.0 %

rank 0 │ 0 │···········│░░░0░░░│ 0 │···········│░░░0░░░│
rank 1 ····│ 0 │░░░0░░░│···········│ 0 │░░░0░░░│·······
units  0       2       4       6       8       10      12

│ i │ forward   │░i░│ backward   · idle   i: microbatch
)");
}

TEST(TextTimeline, DrawsMeasuredReplicas) {
  const Plan plan = PipelinePlan(GPipe(1, 1), {.data_parallel = 2});
  Trace trace;
  trace.kind = Trace::Kind::kMeasured;
  trace.events = {
      {0, ProgramKind::kStep, 6, 0, 90.000, 90.001},
      {0, ProgramKind::kStep, 7, 0, 100.00003, 100.00411},
      {0, ProgramKind::kStep, 7, 1, 100.00411, 100.01223},
      {1, ProgramKind::kStep, 7, 0, 100.00201, 100.00799},
      {1, ProgramKind::kStep, 7, 1, 100.01002, 100.02},
  };
  TimelineOptions options;
  options.repeat = 7;
  options.width = 40;
  EXPECT_EQ("\n" + TextTimeline(plan, trace, options), R"(
one_f_one_b, 1 stage x 2 replicas, 1 microbatch, step 8: measured makespan 19.97 ms, bubble 29.5 %

rank 0 │ 0  │░░░░0░░░░░│··········
rank 1 ···│   0   │·│░░░░░░0░░░░░░│
time   0            10            20 ms

│ i │ forward   │░i░│ backward   · idle   i: microbatch
)");
  options.repeat = 8;
  EXPECT_EQ(TextTimeline(plan, trace, options), "nothing to draw: step 9 takes no time\n");
}

TEST(TextTimeline, PaintsOnRequest) {
  const Plan plan = PipelinePlan(GPipe(1, 1));
  const std::string text = Draw(plan, "F=1,B=2", {.colour = TimelineOptions::Colour::kAnsi});
  EXPECT_NE(
      text.find("rank 0 \033[0m\033[30;48;5;75m│ 0 \033[0m\033[30;48;5;215m│   0   \033[0m\n"),
      std::string::npos)
      << text;
  EXPECT_EQ(Draw(plan, "F=1,B=2").find('\033'), std::string::npos);
}

TEST(TextTimeline, NamesStreamsThatShareARank) {
  Plan plan = PipelinePlan(GPipe(1, 2));
  plan.positions[0].streams.push_back({"compute.1", StreamKind::kCompute, {}});
  plan.positions[0].programs[1].instructions[1].stream = StreamId(1);
  const std::string text = Draw(plan, "F=1,B=1,FB=1");
  EXPECT_NE(text.find("rank 0 compute.0 │ 0 │░0░│░1░│"), std::string::npos) << text;
  EXPECT_NE(text.find("rank 0 compute.1 │ 1 │···"), std::string::npos) << text;
}

}  // namespace
}  // namespace pprun
