#include <gtest/gtest.h>

#include "tests/passes/compile_text.h"

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

}  // namespace
}  // namespace pprun
