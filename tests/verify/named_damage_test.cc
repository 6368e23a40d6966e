// One thing wrong at a time: the finding has the right kind, and points at the right instruction.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <variant>

#include "compiler/verify/verify.h"
#include "tests/plan/plan_builder.h"
#include "tests/verify/expect_finding.h"

namespace pprun {
namespace {

void Erase(Plan& plan, size_t position, size_t index) {
  auto& step = StepOf(plan, position);
  step.erase(step.begin() + static_cast<ptrdiff_t>(index));
}

BufferId BufferNamed(const Plan& plan, size_t position, const std::string& name) {
  const auto& buffers = plan.positions[position].buffers;
  const auto found = std::ranges::find(buffers, name, &Buffer::name);
  return BufferId(found - buffers.begin());
}

TEST(NamedDamage, DroppedWaitBeforeTheRunThatReadsAMessage) {
  Plan plan = BuildPlan();
  const size_t run = FindInstruction(plan, 1, "@head.forward");
  // The run itself is the first to touch what the recv wrote.
  ASSERT_TRUE(std::holds_alternative<Wait>(StepOf(plan, 1)[run - 1].operands));
  const SourceId source = StepOf(plan, 1)[run].source;
  Erase(plan, 1, run - 1);
  ExpectFinding(plan, FindingKind::kDataFlow, source, "no event orders the two");
}

TEST(NamedDamage, SwappedSends) {
  Plan plan = BuildPlan();
  const size_t first = FindInstruction(plan, 0, "send", 0);
  const size_t second = FindInstruction(plan, 0, "send", 1);
  std::swap(StepOf(plan, 0)[first].operands, StepOf(plan, 0)[second].operands);
  ExpectFinding(plan, FindingKind::kMatching, StepOf(plan, 0)[first].source, "message 0");
}

TEST(NamedDamage, MissingRecv) {
  Plan plan = BuildPlan({.microbatches = 2});
  Erase(plan, 1, FindInstruction(plan, 1, "recv", 1));
  const size_t send = FindInstruction(plan, 0, "send", 1);
  ExpectFinding(plan, FindingKind::kMatching, StepOf(plan, 0)[send].source, "is never received");
}

TEST(NamedDamage, MergedFramesOfTwoMicrobatchesInFlight) {
  // Both forwards come before the first backward.
  using What = BuiltTask::What;
  const PlanToBuild what{.positions = 1, .microbatches = 2};
  Plan plan = BuildPlan(
      what,
      {{{What::kForward, 0}, {What::kForward, 1}, {What::kBackward, 0}, {What::kBackward, 1}}});
  ASSERT_TRUE(Verify(plan).empty());
  auto& buffers = plan.positions[0].buffers;
  buffers[BufferNamed(plan, 0, "frame[1]").index()].offset =
      buffers[BufferNamed(plan, 0, "frame[0]").index()].offset;
  const size_t backward = FindInstruction(plan, 0, "@head.backward", 0);
  ExpectFinding(plan, FindingKind::kDataFlow, StepOf(plan, 0)[backward].source,
                "reads the frame_input of head, microbatch 1 as frame_input, not the frame_input "
                "of head, microbatch 0");
}

TEST(NamedDamage, MissingGradientReduction) {
  Plan plan = BuildPlan({.dp = 2});
  Erase(plan, 0, FindInstruction(plan, 0, "all_reduce"));
  const size_t update = FindInstruction(plan, 0, "update");
  ExpectFinding(plan, FindingKind::kCompleteness, StepOf(plan, 0)[update].source,
                "it is not summed over `dp`");
}

TEST(NamedDamage, GradientReducedTwice) {
  Plan plan = BuildPlan({.dp = 2});
  auto& step = StepOf(plan, 0);
  const size_t sum = FindInstruction(plan, 0, "all_reduce");
  step.insert(step.begin() + static_cast<ptrdiff_t>(sum), Instruction(step[sum]));
  const size_t update = FindInstruction(plan, 0, "update");
  ExpectFinding(plan, FindingKind::kCompleteness, step[update].source, "summed twice over `dp`");
}

TEST(NamedDamage, ShapeThatLies) {
  Plan plan = BuildPlan();
  plan.channels[0].type.shape = {2, 4, 4};
  const size_t send = FindInstruction(plan, 0, "send");
  ExpectFinding(plan, FindingKind::kTypes, StepOf(plan, 0)[send].source,
                "transfers f32[2, 4, 8] on a channel of f32[2, 4, 4]");

  plan = BuildPlan();
  plan.functions[3].views[0].type.shape = {8, 16};  // the head's weight, transposed
  ExpectFinding(plan, FindingKind::kTypes, SourceId(), "`linear`");
}

TEST(NamedDamage, ForgottenZero) {
  Plan plan = BuildPlan();
  Erase(plan, 0, FindInstruction(plan, 0, "zero"));
  const size_t backward = FindInstruction(plan, 0, "@embed.backward");
  ExpectFinding(plan, FindingKind::kDataFlow, StepOf(plan, 0)[backward].source,
                "before anything has written them");
}

TEST(NamedDamage, ForgottenBackward) {
  Plan plan = BuildPlan();
  Erase(plan, 0, FindInstruction(plan, 0, "@embed.backward", 1));
  const size_t update = FindInstruction(plan, 0, "update");
  ExpectFinding(plan, FindingKind::kCompleteness, StepOf(plan, 0)[update].source,
                "misses microbatch 1 of embed");
}

TEST(NamedDamage, BackwardTwice) {
  Plan plan = BuildPlan();
  auto& step = StepOf(plan, 0);
  const size_t backward = FindInstruction(plan, 0, "@embed.backward", 1);
  step.insert(step.begin() + static_cast<ptrdiff_t>(backward), Instruction(step[backward]));
  const size_t update = FindInstruction(plan, 0, "update");
  ExpectFinding(plan, FindingKind::kCompleteness, step[update].source,
                "counts microbatch 1 of embed twice");
}

TEST(NamedDamage, ForgottenClipFactor) {
  Plan plan = BuildPlan({.clip = 1});
  Instruction& update = StepOf(plan, 0)[FindInstruction(plan, 0, "update")];
  std::get<Update>(update.operands).clip = {};
  ExpectFinding(plan, FindingKind::kTypes, update.source, "has no clip factor");
}

TEST(NamedDamage, ClipFactorOfAnotherKind) {
  Plan plan = BuildPlan({.clip = 1});
  Instruction& update = StepOf(plan, 0)[FindInstruction(plan, 0, "update")];
  // The parameter's own value stands in the first two numbers of its buffer.
  Buffer other = plan.positions[0].buffers[plan.positions[0].updates[0].value.index()];
  other.type = {DType::kF32, {2}};
  std::vector<Buffer>& buffers = plan.positions[0].buffers;
  std::get<Update>(update.operands).clip = BufferId(static_cast<int64_t>(buffers.size()));
  buffers.push_back(other);
  ExpectFinding(plan, FindingKind::kDataFlow, update.source, "for two operands");
}

TEST(NamedDamage, RowsThatDoNotExist) {
  for (const auto& [first, count] :
       {std::pair{-1, 1}, {0, 0}, {0, 2}, {1, 1}, {1 << 30, 1 << 30}}) {
    Plan plan = BuildPlan();
    Instruction& update = StepOf(plan, 0)[FindInstruction(plan, 0, "update")];
    update.operands = Update{.first = first, .count = count};
    ExpectFinding(plan, FindingKind::kTypes, update.source, "has rows that do not exist");
  }
}

TEST(NamedDamage, NormInAnotherOrder) {
  Plan plan = BuildPlan({.clip = 1});
  std::ranges::reverse(plan.norm_order);
  // Both positions are wrong: which of them the machine comes to first is not the point.
  const std::vector<Finding> findings = Verify(plan);
  ASSERT_FALSE(findings.empty());
  const SourceId source = findings[0].source;
  EXPECT_TRUE(source == StepOf(plan, 0)[FindInstruction(plan, 0, "clip_factor")].source ||
              source == StepOf(plan, 1)[FindInstruction(plan, 1, "clip_factor")].source);
  ExpectFinding(plan, FindingKind::kCompleteness, source,
                "in the place of block 0 of `embed.table`");
}

TEST(NamedDamage, NormOfAnotherNumberOfBlocks) {
  const auto message = [](auto&& damage) {
    Plan plan = BuildPlan({.positions = 1, .clip = 1});
    damage(plan.norm_order);
    const std::vector<Finding> findings = Verify(plan);
    return findings.empty() ? "" : Render(plan, findings[0]);
  };
  using Order = std::vector<NormBlocks>;
  EXPECT_EQ(message([](Order&) {}), "");
  EXPECT_NE(message([](Order& order) { order.pop_back(); }).find("leaves block 0 of `head.weight`"),
            std::string::npos);
  EXPECT_NE(message([](Order& order) { order[0].count = 0; }).find("leaves block 0 of `embed"),
            std::string::npos);
  EXPECT_NE(message([](Order& order) { order[0].count = 2; }).find("adds more to the norm"),
            std::string::npos);
  EXPECT_NE(message([](Order& order) { order.push_back(order[0]); }).find("adds more to the norm"),
            std::string::npos);
  EXPECT_NE(message([](Order& order) {
              order[0].parameter = ParameterId(1);
            }).find("adds something else to the norm in the place of block 0 of `embed"),
            std::string::npos);
  for (const NormBlocks& wrong :
       {NormBlocks{ParameterId(0), -1, 1}, NormBlocks{ParameterId(0), 9, 1},
        NormBlocks{ParameterId(0), 0, INT32_MAX}, NormBlocks{ParameterId(2), 0, 1},
        NormBlocks{{}, 0, 1}}) {
    EXPECT_NE(message([&](Order& order) {
                order[0] = wrong;
              }).find("adds partial sums that do not exist"),
              std::string::npos);
  }
}

TEST(NamedDamage, ForgottenUpdate) {
  Plan plan = BuildPlan();
  Erase(plan, 1, FindInstruction(plan, 1, "update"));
  ExpectFinding(plan, FindingKind::kCompleteness, SourceId(),
                "position 1 leaves out the update of `head.weight`");
}

TEST(NamedDamage, ForwardAfterTheUpdate) {
  Plan plan = BuildPlan({.positions = 1, .microbatches = 1});
  auto& step = StepOf(plan, 0);
  const size_t update = FindInstruction(plan, 0, "update     embed.table and 1 more");
  const size_t backward = FindInstruction(plan, 0, "@head.backward");
  // Of the embedding alone: its gradient is not there yet.
  Instruction early = step[update];
  early.operands = Update{.first = 0, .count = 1};
  step[update].operands = Update{.first = 1, .count = 1};
  const Plan apart = plan;
  step.insert(step.begin() + static_cast<ptrdiff_t>(update), early);
  EXPECT_TRUE(Verify(plan).empty());
  plan = apart;
  step.insert(step.begin() + static_cast<ptrdiff_t>(backward), early);
  ExpectFinding(plan, FindingKind::kCompleteness, early.source, "misses microbatch 0 of embed");
}

TEST(NamedDamage, WaitBeforeItsRecordAndEventRecordedTwice) {
  Plan plan = BuildPlan();
  auto& step = StepOf(plan, 0);
  const size_t record = FindInstruction(plan, 0, "record");
  ASSERT_TRUE(std::holds_alternative<Wait>(step[record + 1].operands));
  std::swap(step[record], step[record + 1]);
  ExpectFinding(plan, FindingKind::kDataFlow, step[record].source,
                "waits before the event is recorded");

  plan = BuildPlan();
  const size_t second = FindInstruction(plan, 0, "record", 1);
  std::get<Record>(StepOf(plan, 0)[second].operands).event = EventId(0);
  ExpectFinding(plan, FindingKind::kDataFlow, StepOf(plan, 0)[second].source,
                "records the event again");
}

TEST(NamedDamage, ValidationThatTrains) {
  Plan plan = BuildPlan({.positions = 1});
  auto& validate = plan.positions[0].programs[static_cast<size_t>(ProgramKind::kValidate)];
  validate.instructions.push_back({StreamId(0), SourceId(0), Zero{BufferId(0)}});
  ExpectFinding(plan, FindingKind::kCompleteness, SourceId(0), "changes what training needs");
}

Instruction& SendAt(Plan& plan, int which) {
  return StepOf(plan, 0)[FindInstruction(plan, 0, "send", which)];
}

// Whatever a file says, types comes first and nothing is looked up that is not there.
TEST(NamedDamage, ReferencesThatLeadNowhere) {
  const std::vector<std::function<void(Plan&)>> damages = {
      [](Plan& plan) { StepOf(plan, 0)[0].stream = StreamId(99); },
      [](Plan& plan) { StepOf(plan, 0)[0].source = SourceId(1 << 30); },
      [](Plan& plan) { StepOf(plan, 0)[0].operands = Zero{BufferId(-7)}; },
      [](Plan& plan) { StepOf(plan, 0)[0].operands = Zero{BufferId(1 << 30)}; },
      [](Plan& plan) { StepOf(plan, 0)[0].operands = Wait{EventId(1 << 30)}; },
      [](Plan& plan) { plan.positions[0].programs[1].events = INT32_MAX; },
      [](Plan& plan) { plan.positions[0].bindings[0] = BufferId(-1); },
      [](Plan& plan) { plan.positions[0].bindings.resize(3); },
      [](Plan& plan) { plan.positions[0].buffers[0].offset = INT64_MAX - 3; },
      [](Plan& plan) { plan.positions[0].buffers[0].offset = -64; },
      [](Plan& plan) {
        plan.positions[0].buffers[0].type.shape = {INT64_MAX, INT64_MAX};
      },
      [](Plan& plan) { plan.positions[0].arena_bytes[0] = INT64_MAX; },
      [](Plan& plan) { plan.positions[0].losses = {BufferId(0)}; },
      [](Plan& plan) { plan.positions.pop_back(); },
      [](Plan& plan) { plan.mesh[1].size = INT32_MAX; },
      [](Plan& plan) { plan.mesh[1].size = 0; },
      [](Plan& plan) { plan.mesh[1].name = "pp"; },
      [](Plan& plan) { plan.train.microbatches = 0; },
      [](Plan& plan) { plan.train.batch = 7; },
      [](Plan& plan) {
        plan.groups[1].positions = {PositionId(0), PositionId(0)};
      },
      [](Plan& plan) { plan.groups[0].axes = {AxisId(0)}; },
      [](Plan& plan) { plan.channels[0].to = PositionId(0); },
      [](Plan& plan) { plan.positions[0].streams.push_back(plan.positions[0].streams[2]); },
      // A send on a stream that is none of transfers, on that of another channel, at the other end.
      [](Plan& plan) { SendAt(plan, 1).stream = StreamId(0); },
      [](Plan& plan) { SendAt(plan, 1).stream = StreamId(4); },
      [](Plan& plan) { std::get<Send>(SendAt(plan, 1).operands).channel = ChannelId(1); },
      [](Plan& plan) { std::get<Send>(SendAt(plan, 1).operands).channel = ChannelId(2); },
      [](Plan& plan) { plan.layers[0].stage = StageId(5); },
      [](Plan& plan) { plan.parameters[0].holders = {PositionId(7)}; },
      [](Plan& plan) { plan.parameters[0].exports[0].row_end = 17; },
      [](Plan& plan) { plan.functions[0].views[0].argument = 9; },
      [](Plan& plan) { plan.functions[0].views[0].offset = INT64_MAX; },
      [](Plan& plan) { plan.functions[0].operations[0].operands[0] = ViewId(77); },
      [](Plan& plan) { plan.functions[0].operations[0].operands.pop_back(); },
      [](Plan& plan) { plan.functions[0].segments[0].count = INT32_MAX; },
      [](Plan& plan) { plan.functions[0].arguments[0].bytes = -1; },
      [](Plan& plan) { plan.functions[0].arguments[0].access = Access::kWrite; },
      [](Plan& plan) { plan.sources[0].file = 3; },
      [](Plan& plan) { plan.train.data.source = SourceId(1 << 20); },
      [](Plan& plan) { plan.train.validation.source = SourceId(1 << 20); },
      [](Plan& plan) { plan.positions[0].streams[0].group = GroupId(0); },
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    Plan plan = BuildPlan({.dp = 1});
    damages[i](plan);
    const std::vector<Finding> findings = Verify(plan);
    ASSERT_FALSE(findings.empty()) << "damage " << i;
    EXPECT_EQ(findings[0].kind, FindingKind::kTypes) << i << ": " << Render(plan, findings[0]);
  }
}

}  // namespace
}  // namespace pprun
