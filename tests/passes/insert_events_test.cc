#include <gtest/gtest.h>

#include <map>
#include <random>

#include "compiler/simulate/live_activations.h"
#include "tests/passes/compile_text.h"
#include "tests/passes/shaken_run.h"

namespace pprun {
namespace {

TEST(InsertEventsTest, WaitsFollowTheirRecordsAndEventsAreRecordedOnce) {
  const Plan plan = CompilePlan({.pp = 3, .dp = 2, .gradients = "gradients ddp(bucket = 8 KiB);"});
  for (size_t p = 0; p < 3; ++p) {
    const Program& program = Step(plan, p);
    std::vector<int> recorded(static_cast<size_t>(program.events), 0);
    for (const Instruction& instruction : program.instructions) {
      if (const Record* record = std::get_if<Record>(&instruction.operands))
        ++recorded[record->event.index()];
      if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        EXPECT_EQ(recorded[wait->event.index()], 1);
      }
    }
    for (int count : recorded) EXPECT_EQ(count, 1);
  }
}

TEST(InsertEventsTest, NoWaitCanBeLeftOut) {
  const Plan plan = CompilePlan(
      {.pp = 2, .dp = 2, .microbatches = 3, .optimizer = "adamw(lr = 1e-3, clip = 1.0)"});
  int waits = 0;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    for (size_t i = 0; i < Step(plan, p).instructions.size(); ++i) {
      if (!std::holds_alternative<Wait>(Step(plan, p).instructions[i].operands)) continue;
      Plan damaged = plan;
      std::vector<Instruction>& instructions =
          damaged.positions[p].programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
      instructions.erase(instructions.begin() + static_cast<std::ptrdiff_t>(i));
      const std::vector<Finding> findings = Verify(damaged);
      EXPECT_FALSE(findings.empty()) << "wait " << i << " of position " << p;
      ++waits;
    }
  }
  EXPECT_GT(waits, 10);
}

TEST(InsertEventsTest, OneStreamNeedsNone) {
  const Plan plan = CompilePlan({.pp = 1, .microbatches = 2});
  // Only the copies are on a stream of their own.
  EXPECT_LE(Step(plan, 0).events, 4);
}

std::string OneRank(const std::string& tasks) {
  return "schedule paired { order on rank r { " + tasks + " } }\nschedule paired;";
}

// Pairs of every make, side by side with single tasks.
TEST(InsertEventsTest, AsManyActivationsAreLiveWhateverTheTiming) {
  const std::vector<PlanText> texts = {
      {.pp = 3, .microbatches = 7, .schedule = "schedule dualpipe_v;"},
      {.pp = 4, .microbatches = 8, .depth = 8, .schedule = "schedule dualpipe;"},
      {.pp = 1,
       .microbatches = 6,
       .schedule = OneRank("forward(0); for i in 1 .. 6 { overlap { forward(i); backward(i - 1); } "
                           "} backward(5);")},
      {.pp = 1,
       .microbatches = 6,
       .schedule = OneRank("forward(0); for i in 1 .. 6 { overlap { backward(i - 1); forward(i); } "
                           "} backward(5);")},
      {.pp = 1,
       .microbatches = 6,
       .schedule =
           OneRank("forward(0); forward(1); overlap { backward(0); forward(2); } overlap { "
                   "forward(3); backward(1); } overlap { forward(4); forward(5); } overlap { "
                   "backward(2); backward(3); } backward(4); backward(5);")},
      {.pp = 1,
       .microbatches = 5,
       .schedule = OneRank(
           "forward(0); input_grad(0); overlap { weight_grad(0); forward(1); } overlap { "
           "forward(2); input_grad(1); } overlap { input_grad(2); weight_grad(1); } overlap { "
           "forward(3); weight_grad(2); } backward(3); forward(4); backward(4);")},
  };
  std::mt19937_64 random(1);
  for (const PlanText& text : texts) {
    const Plan plan = CompilePlan(text);
    std::map<int64_t, int64_t> said;
    for (size_t p = 0; p < plan.positions.size(); ++p) {
      said[static_cast<int64_t>(p)] = PeaksOf(plan.positions[p]).activations;
    }
    for (int run = 0; run < 200; ++run) {
      EXPECT_EQ(LiveActivations(plan, ShakenRun(plan, random)), said) << text.schedule;
    }
  }
}

}  // namespace
}  // namespace pprun
