// Schedules that hang: found under zero buffering, in both views, and explained as a cycle.
#include <gtest/gtest.h>

#include <variant>

#include "compiler/verify/verify.h"
#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

using What = BuiltTask::What;

// Position 1 runs the backward of microbatch 1 before its forward has come; position 0 sends that
// only after the gradient of microbatch 0.
TEST(Deadlock, BackwardBeforeAForwardOnAnotherRankGivesTheCycle) {
  const Plan plan = BuildPlan({.microbatches = 2}, {{{What::kForward, 0},
                                                     {What::kSendActivation, 0},
                                                     {What::kRecvGradient, 0},
                                                     {What::kBackward, 0},
                                                     {What::kForward, 1},
                                                     {What::kSendActivation, 1},
                                                     {What::kRecvGradient, 1},
                                                     {What::kBackward, 1}},
                                                    {{What::kRecvActivation, 0},
                                                     {What::kForward, 0},
                                                     {What::kRecvActivation, 1},
                                                     {What::kForward, 1},
                                                     {What::kBackward, 1},
                                                     {What::kSendGradient, 1},
                                                     {What::kBackward, 0},
                                                     {What::kSendGradient, 0}}});
  // The order of messages is wrong as well, which matching says first; put it right.
  Plan same_order = plan;
  const std::vector<Finding> matching = Verify(plan);
  ASSERT_FALSE(matching.empty());
  EXPECT_EQ(matching[0].kind, FindingKind::kMatching);

  same_order = BuildPlan({.microbatches = 2}, {{{What::kForward, 0},
                                                {What::kSendActivation, 0},
                                                {What::kRecvGradient, 0},
                                                {What::kBackward, 0},
                                                {What::kForward, 1},
                                                {What::kSendActivation, 1},
                                                {What::kRecvGradient, 1},
                                                {What::kBackward, 1}},
                                               {{What::kRecvActivation, 0},
                                                {What::kForward, 0},
                                                {What::kRecvActivation, 1},
                                                {What::kForward, 1},
                                                {What::kBackward, 0},
                                                {What::kSendGradient, 0},
                                                {What::kBackward, 1},
                                                {What::kSendGradient, 1}}});
  const std::vector<Finding> findings = Verify(same_order);
  ASSERT_EQ(findings.size(), 1u);
  const Finding& finding = findings[0];
  EXPECT_EQ(finding.kind, FindingKind::kDeadlock);
  EXPECT_EQ(finding.message, "this schedule deadlocks");
  ASSERT_EQ(finding.notes.size(), 2u) << Render(same_order, finding);
  EXPECT_EQ(finding.notes[0].text,
            "position 1 at `forward microbatch 1` of head waits for microbatch 1 from position 0 "
            "(channel `activation 0 to 1`)");
  EXPECT_EQ(finding.notes[1].text,
            "position 0 at `backward microbatch 0` of embed waits for microbatch 0 from position 1 "
            "(channel `gradient 1 to 0`)");
  const size_t forward = FindInstruction(same_order, 1, "@head.forward", 1);
  EXPECT_EQ(finding.source, StepOf(same_order, 1)[forward].source);
}

// Each sends before it receives: every buffer hides this, rendezvous does not.
TEST(Deadlock, SendsThatOnlyBuffersWouldHide) {
  const Plan plan = BuildPlan({.microbatches = 2}, {{{What::kForward, 0},
                                                     {What::kSendActivation, 0},
                                                     {What::kForward, 1},
                                                     {What::kSendActivation, 1},
                                                     {What::kRecvGradient, 0},
                                                     {What::kBackward, 0},
                                                     {What::kRecvGradient, 1},
                                                     {What::kBackward, 1}},
                                                    {{What::kRecvActivation, 0},
                                                     {What::kForward, 0},
                                                     {What::kBackward, 0},
                                                     {What::kSendGradient, 0},
                                                     {What::kRecvActivation, 1},
                                                     {What::kForward, 1},
                                                     {What::kBackward, 1},
                                                     {What::kSendGradient, 1}}});
  const std::vector<Finding> findings = Verify(plan);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].kind, FindingKind::kDeadlock);
  ASSERT_EQ(findings[0].notes.size(), 2u) << Render(plan, findings[0]);
  EXPECT_NE(findings[0].notes[0].text.find("waits to send microbatch 0 to position 0"),
            std::string::npos)
      << findings[0].notes[0].text;
  EXPECT_NE(findings[0].notes[1].text.find("waits to send microbatch 1 to position 1"),
            std::string::npos)
      << findings[0].notes[1].text;
}

// The same, where only the events of the position keep its two streams apart: without them the
// streams could go on by themselves, but not in one issue order.
TEST(Deadlock, OnlyWhereStreamsRunInOneOrder) {
  Plan plan = BuildPlan({.microbatches = 2, .slots = 2}, {{{What::kForward, 0},
                                                           {What::kSendActivation, 0},
                                                           {What::kForward, 1},
                                                           {What::kSendActivation, 1},
                                                           {What::kRecvGradient, 0},
                                                           {What::kBackward, 0},
                                                           {What::kRecvGradient, 1},
                                                           {What::kBackward, 1}},
                                                          {{What::kRecvActivation, 0},
                                                           {What::kForward, 0},
                                                           {What::kBackward, 0},
                                                           {What::kSendGradient, 0},
                                                           {What::kRecvActivation, 1},
                                                           {What::kForward, 1},
                                                           {What::kBackward, 1},
                                                           {What::kSendGradient, 1}}});
  // What position 1 receives and sends no longer waits for each other.
  auto& step = StepOf(plan, 1);
  for (size_t i = step.size(); i-- > 1;) {
    const bool wait = std::holds_alternative<Wait>(step[i].operands);
    const bool recv = i + 1 < step.size() && std::holds_alternative<Recv>(step[i + 1].operands);
    if (wait && recv) step.erase(step.begin() + static_cast<ptrdiff_t>(i));
  }
  const std::vector<Finding> findings = Verify(plan);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].kind, FindingKind::kDeadlock);
  EXPECT_EQ(findings[0].message, "this schedule deadlocks where a rank's streams run in one order");
}

TEST(Deadlock, RendersWithTheQuotedLine) {
  Plan plan = BuildPlan();
  plan.sources[0] = {0, 2, 10, ""};
  const Finding finding{FindingKind::kDeadlock,
                        "this schedule deadlocks",
                        SourceId(0),
                        {{"position 0 waits", SourceId(0)}, {"nowhere", SourceId()}}};
  EXPECT_EQ(Render(plan, finding),
            "built.sched:2:10: error: this schedule deadlocks\n"
            "    2 | schedule built {\n"
            "      |          ^\n"
            "built.sched:2:10: note: position 0 waits\n"
            "    2 | schedule built {\n"
            "      |          ^\n"
            "built.sched: note: nowhere\n");
}

}  // namespace
}  // namespace pprun
