// The three choices of queues for transfers: which transfers share one, that all of them are proven
// for every built-in schedule, what each costs, and what they save a plan from.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "compiler/simulate/simulate.h"
#include "compiler/verify/checks.h"
#include "tests/compile/compile_source.h"

namespace pprun {
namespace {

constexpr const char* kChoices[] = {"queue_per_peer", "queue_per_rank", "queue_per_flow"};

Compilation CompileStudy(const std::string& schedule, const std::string& choice, int pp,
                         int microbatches) {
  return CompileSource("mesh { pp = " + std::to_string(pp) + "; }\nschedule " + schedule +
                           ";\ntransfers " + choice + ";\n",
                       {{"microbatches", std::to_string(microbatches)}});
}

std::vector<std::string> Schedules() {
  std::vector<std::string> names;
  for (const auto& [name, text] : BuiltInSchedules()) names.push_back(name);
  return names;
}

class QueuesTest : public testing::TestWithParam<std::string> {};

TEST_P(QueuesTest, EveryChoiceIsProvenOfEverySchedule) {
  for (const char* choice : kChoices) {
    for (const auto& [pp, microbatches] : {std::pair{2, 4}, {4, 8}, {6, 13}, {6, 24}}) {
      if (GetParam() == "dualpipe" && microbatches % 2 != 0) continue;
      SCOPED_TRACE(std::string(choice) + ", pp " + std::to_string(pp) + ", " +
                   std::to_string(microbatches) + " microbatches");
      const Compilation result = CompileStudy(GetParam(), choice, pp, microbatches);
      EXPECT_EQ(result.Messages(), "");
      EXPECT_TRUE(result.Ok());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Library, QueuesTest, testing::ValuesIn(Schedules()),
                         [](const auto& tested) { return tested.param; });

// By queue of a position, what shares it: "to 1", "from 3" by the other end, or channels.
enum class Sharing : uint8_t { kPeers, kChannels };
std::map<int32_t, std::set<std::string>> Shares(const Plan& plan, size_t position,
                                                Sharing sharing) {
  std::map<int32_t, std::set<std::string>> shares;
  const Program& step = plan.positions[position].programs[static_cast<size_t>(ProgramKind::kStep)];
  for (const Instruction& instruction : step.instructions) {
    const auto add = [&](const char* way, PositionId peer, ChannelId channel) {
      const int32_t what = sharing == Sharing::kPeers ? peer.value : channel.value;
      shares[instruction.stream.value].insert(way + std::to_string(what));
    };
    if (const Send* send = std::get_if<Send>(&instruction.operands)) {
      add("to ", plan.channels[send->channel.index()].to, send->channel);
    } else if (const Recv* recv = std::get_if<Recv>(&instruction.operands)) {
      add("from ", plan.channels[recv->channel.index()].from, recv->channel);
    }
  }
  return shares;
}

// Two ranks of three chunks are neighbours on both sides, both ways.
TEST(QueuesTest, ShareWhatTheySay) {
  const std::string schedule = "interleaved_one_f_one_b(chunks = 3)";
  const Plan peer = *CompileStudy(schedule, "queue_per_peer", 2, 4).plan;
  const Plan rank = *CompileStudy(schedule, "queue_per_rank", 2, 4).plan;
  const Plan flow = *CompileStudy(schedule, "queue_per_flow", 2, 4).plan;
  for (size_t position : {size_t{0}, size_t{1}}) {
    const std::string other = std::to_string(1 - position);
    const auto peers = Shares(peer, position, Sharing::kPeers);
    ASSERT_EQ(peers.size(), 2u);
    for (const auto& [queue, shared] : peers) EXPECT_EQ(shared.size(), 1u);
    const auto all = Shares(rank, position, Sharing::kPeers);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all.begin()->second, (std::set<std::string>{"from " + other, "to " + other}));
    // Five boundaries, each crossed forward and back: one of the two ends is here.
    const auto flows = Shares(flow, position, Sharing::kChannels);
    EXPECT_EQ(flows.size(), 10u);
    for (const auto& [queue, shared] : flows) EXPECT_EQ(shared.size(), 1u);
  }
}

double Makespan(const std::string& schedule, const std::string& choice, double transfer) {
  const Compilation result = CompileStudy(schedule, choice, 4, 16);
  return Summarise(*result.plan,
                   Simulate(*result.plan, ProgramKind::kStep, CostTable{.transfer = transfer}))
      .makespan;
}

// What waits behind another transfer costs time, and only then.
TEST(QueuesTest, FewerQueuesCostTime) {
  for (const char* schedule : {"interleaved_one_f_one_b", "dualpipe_v", "dualpipe"}) {
    SCOPED_TRACE(schedule);
    const double rank = Makespan(schedule, "queue_per_rank", 0.3);
    const double peer = Makespan(schedule, "queue_per_peer", 0.3);
    const double flow = Makespan(schedule, "queue_per_flow", 0.3);
    EXPECT_GT(rank, peer);
    EXPECT_GE(peer, flow);
  }
  // In one_f_one_b, a rank has one flow from each peer and one to it.
  EXPECT_EQ(Makespan("one_f_one_b", "queue_per_peer", 0.3),
            Makespan("one_f_one_b", "queue_per_flow", 0.3));
}

// The same tasks with "send after the producer, recv before the consumer" on one queue a rank.
Plan NaiveTransfers(const TaskOrder& order) {
  Plan plan;
  plan.positions.resize(order.positions.size());
  plan.stages = order.stages;
  std::vector<PositionId> holder(static_cast<size_t>(order.stages));
  for (size_t p = 0; p < order.placement.size(); ++p) {
    for (const ChunkPlace& chunk : order.placement[p]) {
      holder[static_cast<size_t>(chunk.stage)] = PositionId(static_cast<int64_t>(p));
    }
  }
  // Activations out of stage s, then gradients into it.
  for (int32_t stage = 0; stage + 1 < order.stages; ++stage) {
    const PositionId here = holder[static_cast<size_t>(stage)];
    const PositionId next = holder[static_cast<size_t>(stage) + 1];
    plan.channels.push_back({"activation " + std::to_string(stage), here, next, {}});
    plan.channels.push_back({"gradient " + std::to_string(stage), next, here, {}});
  }
  for (size_t p = 0; p < order.positions.size(); ++p) {
    plan.positions[p].streams.push_back({"transfers", StreamKind::kTransfer, {}});
    auto& instructions =
        plan.positions[p].programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
    for (const OrderedTask& task : order.positions[p]) {
      const bool forward = task.kind == TaskKind::kForward;
      const ChannelId below(2 * (task.stage - 1) + (forward ? 0 : 1));
      const ChannelId above(2 * task.stage + (forward ? 0 : 1));
      const MicrobatchId microbatch(task.microbatch);
      const bool first = task.stage == 0, last = task.stage + 1 == order.stages;
      if (forward ? !first : !last) {
        instructions.push_back({StreamId(0), {}, Recv{{}, forward ? below : above, microbatch}});
      }
      if (forward ? !last : !first) {
        instructions.push_back({StreamId(0), {}, Send{{}, forward ? above : below, microbatch}});
      }
    }
  }
  return plan;
}

TEST(QueuesTest, TimeOrderSavesWhatTheObviousOrderHangs) {
  const Compilation gpipe = CompileStudy("gpipe", "queue_per_rank", 4, 8);
  const Compilation one_f_one_b = CompileStudy("one_f_one_b", "queue_per_rank", 4, 8);
  for (const auto& [compiled, hangs] : {std::pair{&gpipe, false}, {&one_f_one_b, true}}) {
    EXPECT_TRUE(compiled->Ok()) << "in order of time";
    Findings findings;
    CheckDeadlock(NaiveTransfers(*compiled->order), findings);
    EXPECT_EQ(findings.empty(), !hangs);
  }
}

}  // namespace
}  // namespace pprun
