#include "compiler/report/linked_run.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <variant>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

// "F0@0 send@0 F0@1 ...": task or kind, microbatch, rank.
std::string Text(const LinkedRun& run, const std::vector<CriticalStep>& path) {
  std::string text;
  for (const CriticalStep& step : path) {
    const LinkedEvent& linked = run.events[static_cast<size_t>(step.event)];
    if (!text.empty()) text += ' ';
    if (const auto* task = std::get_if<pprun::Run>(&linked.instruction->operands)) {
      text += Letter(task->kind) + std::to_string(task->microbatch.value);
    } else {
      text += linked.meeting >= 0 ? "transfer" : "other";
    }
    text += "@" + std::to_string(linked.event.rank);
  }
  return text;
}

TEST(LinkRun, JoinsWaitsWithTheirRecordsAndTransfersWithTheirEnds) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(3, 4));
  const LinkedRun run = LinkRun(plan, Simulate(plan, ProgramKind::kStep, CostTable{}, 2), 1);
  EXPECT_EQ(run.meetings.size(), 2u * 2 * 4);
  for (const LinkedMeeting& meeting : run.meetings) EXPECT_EQ(meeting.participants.size(), 2u);
  for (const LinkedEvent& linked : run.events) {
    EXPECT_EQ(linked.event.repeat, 1);
    const Wait* wait = std::get_if<Wait>(&linked.instruction->operands);
    EXPECT_EQ(linked.record >= 0, wait != nullptr);
    if (wait == nullptr) continue;
    const LinkedEvent& record = run.events[static_cast<size_t>(linked.record)];
    EXPECT_EQ(record.event.rank, linked.event.rank);
    EXPECT_EQ(std::get<Record>(record.instruction->operands).event, wait->event);
    EXPECT_LE(record.event.end, linked.event.end);
  }
}

TEST(CriticalPath, FollowsOneMicrobatchThroughThePipelineAndBack) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(3, 1));
  const LinkedRun run =
      LinkRun(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5")), 0);
  EXPECT_EQ(Text(run, CriticalPath(run)),
            "F0@0 transfer@1 F0@1 transfer@2 F0@2 B0@2 transfer@1 B0@1 transfer@0 B0@0");
}

TEST(CriticalPath, TakesTheSlowStage) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const LinkedRun run = LinkRun(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2")), 0);
  const std::vector<CriticalStep> path = CriticalPath(run);
  // (m + p - 1) (F + B): without transfers, that many tasks of each kind.
  int forward = 0, backward = 0;
  for (const CriticalStep& step : path) {
    const auto& task =
        std::get<pprun::Run>(run.events[static_cast<size_t>(step.event)].instruction->operands);
    ++(task.kind == TaskKind::kForward ? forward : backward);
  }
  EXPECT_EQ(forward, 11);
  EXPECT_EQ(backward, 11);
}

// In a prediction nothing is late without a reason: the steps leave no gap.
TEST(CriticalPath, AddsUpToTheMakespanOfAPrediction) {
  for (uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const int ranks = 1 + static_cast<int>(random() % 5);
    const int microbatches = 1 + static_cast<int>(random() % 9);
    const Plan plan = PipelinePlan(seed % 2 == 0 ? OneForwardOneBackward(ranks, microbatches)
                                                 : testing::ZeroBubbleH1(ranks, microbatches),
                                   {.layers = 1 + static_cast<int>(random() % 3)});
    const std::string costs =
        "F=" + std::to_string(1 + random() % 5) + ",I=" + std::to_string(1 + random() % 5) +
        ",W=" + std::to_string(1 + random() % 5) + ",C=" + std::to_string(random() % 4);
    const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts(costs));
    const LinkedRun run = LinkRun(plan, trace, 0);
    double time = 0;
    for (const CriticalStep& step : CriticalPath(run)) {
      EXPECT_NEAR(step.begin, time, 1e-9);
      EXPECT_GT(step.end, step.begin);
      time = step.end;
    }
    double end = 0;
    for (const TraceEvent& event : trace.events) end = std::max(end, event.end);
    EXPECT_NEAR(time, end, 1e-9);
  }
}

TEST(CriticalPath, EndsWhateverTheClocksSay) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(3, 4));
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> noise(-3, 3);
    Trace trace = Simulate(plan, ProgramKind::kStep, CostTable{});
    for (TraceEvent& event : trace.events) {
      event.begin += noise(random);
      event.end = event.begin + std::abs(noise(random));
    }
    const LinkedRun run = LinkRun(plan, trace, 0);
    EXPECT_LE(CriticalPath(run).size(), run.events.size()) << "seed " << seed;
  }
  EXPECT_TRUE(CriticalPath(LinkRun(plan, {}, 0)).empty());
}

}  // namespace
}  // namespace pprun
