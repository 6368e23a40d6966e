// The machine: everything runs once, after what it waits for, and whether it completes does not
// depend on the order of choices: compared with every interleaving of tiny programs.
#include "compiler/plan/semantics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <variant>

#include "tests/plan/plan_builder.h"

namespace pprun {
namespace {

TEST(Machine, RunsEveryInstructionOnceInStreamOrderAndRepeats) {
  const Plan plan = BuildPlan({.dp = 2, .microbatches = 4, .clip = 1});
  for (const StreamView view : {StreamView::kSeparate, StreamView::kMerged}) {
    std::vector<Site> ran;
    std::map<std::tuple<PositionId, int32_t, int32_t>, int32_t> last;  // by stream
    const Outcome outcome =
        RunMachine(plan, ProgramKind::kStep, view, 3, [&](std::span<const Site> sites) {
          for (const Site& site : sites) {
            ran.push_back(site);
            const auto& step = plan.positions[site.position.index()].programs[1].instructions;
            const StreamId stream = step[static_cast<size_t>(site.instruction)].stream;
            const auto key = std::tuple(site.position, site.repeat,
                                        view == StreamView::kMerged ? 0 : stream.value);
            EXPECT_LT(last.emplace(key, -1).first->second, site.instruction);
            last[key] = site.instruction;
          }
          if (sites.size() == 2) {
            EXPECT_NE(sites[0].position, sites[1].position);
          }
        });
    EXPECT_TRUE(outcome.completed);
    EXPECT_TRUE(outcome.blocked.empty());
    const std::set<Site> different(ran.begin(), ran.end());
    EXPECT_EQ(different.size(), ran.size());
    size_t wanted = 0;
    for (const Position& position : plan.positions) {
      wanted += 3 * position.programs[1].instructions.size();
    }
    EXPECT_EQ(ran.size(), wanted);
  }
}

TEST(Machine, TransfersComeSendFirst) {
  const Plan plan = BuildPlan();
  int transfers = 0;
  RunMachine(plan, ProgramKind::kStep, StreamView::kSeparate, 1, [&](std::span<const Site> sites) {
    if (sites.size() != 2) return;
    const auto& at = [&](const Site& site) -> const Operands& {
      return plan.positions[site.position.index()]
          .programs[1]
          .instructions[static_cast<size_t>(site.instruction)]
          .operands;
    };
    if (!std::holds_alternative<Send>(at(sites[0]))) return;
    ++transfers;
    EXPECT_TRUE(std::holds_alternative<Recv>(at(sites[1])));
  });
  EXPECT_EQ(transfers, 6);
}

// Three positions in a ring, a channel each way, a group of all: programs of random meetings.
Plan RandomMeetings(std::mt19937_64& random) {
  const auto below = [&](int count) {
    return std::uniform_int_distribution<int>(0, count - 1)(random);
  };
  Plan plan;
  plan.mesh = {{"pp", 3}};
  plan.positions.resize(3);
  for (int from = 0; from < 3; ++from) {
    for (int to = 0; to < 3; ++to) {
      if (from != to) plan.channels.push_back({"", PositionId(from), PositionId(to), {}});
    }
  }
  plan.groups.push_back({"all", {PositionId(0), PositionId(1), PositionId(2)}, {}});
  for (Position& position : plan.positions) {
    position.programs[1].events = 2;
    position.streams.resize(2);
  }
  // Each transfer appears at both ends, at places of their own.
  const auto insert = [&](int position, int stream, const Operands& operands) {
    auto& step = plan.positions[static_cast<size_t>(position)].programs[1].instructions;
    const auto at = step.begin() + below(static_cast<int>(step.size()) + 1);
    step.insert(at, {StreamId(stream), SourceId(), operands});
  };
  for (int i = 0; i < 4; ++i) {
    const int channel = below(6);
    const Channel& of = plan.channels[static_cast<size_t>(channel)];
    insert(of.from.value, channel % 2, Send{BufferId(0), ChannelId(channel), MicrobatchId(0)});
    insert(of.to.value, channel % 2, Recv{BufferId(0), ChannelId(channel), MicrobatchId(0)});
  }
  if (below(2) == 0) {
    for (int p = 0; p < 3; ++p) insert(p, 1, Collective{.group = GroupId(0)});
  }
  for (int p = 0; p < 3; ++p) {
    if (below(2) == 0) continue;
    const int event = below(2);
    insert(p, 0, Record{EventId(event)});
    insert(p, 1, Wait{EventId(event)});
  }
  return plan;
}

// Every order in which heads can run, depth first; says whether all of them end.
class AllInterleavings {
 public:
  explicit AllInterleavings(const Plan& plan) : plan_(plan) {
    for (size_t p = 0; p < 3; ++p) {
      const auto& step = plan.positions[p].programs[1].instructions;
      for (size_t s = 0; s < 2; ++s) {
        for (size_t i = 0; i < step.size(); ++i) {
          if (step[i].stream.index() == s) queues_[p * 2 + s].push_back(&step[i].operands);
        }
      }
    }
    Explore({});
  }
  bool completed = false;
  bool hung = false;

 private:
  struct State {
    std::array<size_t, 6> heads{};
    std::array<bool, 6> recorded{};  // position * 2 + event
    auto operator<=>(const State&) const = default;
  };

  const Operands* Head(const State& state, size_t queue) const {
    return state.heads[queue] < queues_[queue].size() ? queues_[queue][state.heads[queue]]
                                                      : nullptr;
  }

  void Explore(const State& state) {
    if (!seen_.insert(state).second) return;
    bool any = false;
    const auto step = [&](std::initializer_list<size_t> queues, size_t record = 6) {
      State next = state;
      for (const size_t queue : queues) ++next.heads[queue];
      if (record < 6) next.recorded[record] = true;
      any = true;
      Explore(next);
    };
    std::vector<size_t> gathered;
    for (size_t q = 0; q < 6; ++q) {
      const Operands* head = Head(state, q);
      if (head == nullptr) continue;
      if (const auto* record = std::get_if<Record>(head)) {
        step({q}, q / 2 * 2 + record->event.index());
      } else if (const auto* wait = std::get_if<Wait>(head)) {
        if (state.recorded[q / 2 * 2 + wait->event.index()]) step({q});
      } else if (const auto* send = std::get_if<Send>(head)) {
        for (size_t other = 0; other < 6; ++other) {
          const Operands* peer = Head(state, other);
          const auto* recv = peer == nullptr ? nullptr : std::get_if<Recv>(peer);
          if (recv != nullptr && recv->channel == send->channel) step({q, other});
        }
      } else if (std::holds_alternative<Collective>(*head)) {
        gathered.push_back(q);
      }
    }
    if (gathered.size() == 3) step({gathered[0], gathered[1], gathered[2]});
    if (any) return;
    for (size_t q = 0; q < 6; ++q) {
      if (Head(state, q) != nullptr) {
        hung = true;
        return;
      }
    }
    completed = true;
  }

  const Plan& plan_;
  std::array<std::vector<const Operands*>, 6> queues_;
  std::set<State> seen_;
};

TEST(Machine, DecidesForEveryInterleaving) {
  constexpr uint64_t kSeed = 4;
  int completed = 0, hung = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    std::mt19937_64 random(kSeed + i);
    const Plan plan = RandomMeetings(random);
    const AllInterleavings all(plan);
    EXPECT_NE(all.completed, all.hung) << "not confluent, seed " << kSeed + i;
    const Outcome outcome = RunMachine(plan, ProgramKind::kStep, StreamView::kSeparate, 1, nullptr);
    EXPECT_EQ(outcome.completed, all.completed) << "seed " << kSeed + i;
    EXPECT_EQ(outcome.blocked.empty(), outcome.completed);
    ++(outcome.completed ? completed : hung);
  }
  EXPECT_GT(completed, 200);
  EXPECT_GT(hung, 200);
}

TEST(Machine, TakesTimeInProportionToTheInstructions) {
  const Plan plan = BuildPlan({.microbatches = 20000});
  size_t instructions = 0;
  for (const Position& position : plan.positions) {
    instructions += position.programs[1].instructions.size();
  }
  ASSERT_GT(instructions, 300000u);
  const auto begin = std::chrono::steady_clock::now();
  const Outcome outcome = RunMachine(plan, ProgramKind::kStep, StreamView::kSeparate, 1, nullptr);
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
  EXPECT_TRUE(outcome.completed);
  RecordProperty("nanoseconds_per_instruction",
                 std::to_string(time.count() / static_cast<double>(instructions)));
  // A bound that a sanitizer and a busy machine keep; the benchmark has the true figure.
  EXPECT_LT(time.count() / static_cast<double>(instructions), 5000);
}

}  // namespace
}  // namespace pprun
