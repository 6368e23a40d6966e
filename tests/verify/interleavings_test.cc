// The machine and the deadlock check against every interleaving. One stream a rank: all programs of
// up to three ranks and six transfers. Two streams a rank, with events and collectives: at random;
// more with PPRUN_INTERLEAVINGS_RUNS=n, one again with PPRUN_INTERLEAVINGS_SEED=n and RUNS=1.
#include "tests/verify/interleavings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "compiler/plan/text.h"
#include "compiler/verify/checks.h"
#include "tests/verify/meetings_plan.h"

namespace pprun {
namespace {

constexpr int kRanks = 3;
constexpr std::array<std::array<int, 2>, 6> kChannels = {
    {{0, 1}, {1, 0}, {0, 2}, {2, 0}, {1, 2}, {2, 1}}};
using Counts = std::array<int, 6>;  // messages, by channel

// What a rank does: numbers of channels, negative (-1 - channel) for recvs; ascending, the first
// permutation.
using Order = std::vector<int>;

std::array<Order, kRanks> OrdersOf(const Counts& counts) {
  std::array<Order, kRanks> orders;
  for (size_t i = 0; i < counts.size(); ++i) {
    for (int message = 0; message < counts[i]; ++message) {
      orders[static_cast<size_t>(kChannels[i][0])].push_back(static_cast<int>(i));
      orders[static_cast<size_t>(kChannels[i][1])].push_back(-1 - static_cast<int>(i));
    }
  }
  for (Order& order : orders) std::ranges::sort(order);
  return orders;
}

void SetProgram(Plan& plan, const std::array<Order, kRanks>& orders) {
  for (size_t rank = 0; rank < kRanks; ++rank) {
    auto& instructions = plan.positions[rank].programs[1].instructions;
    instructions.clear();
    for (const int step : orders[rank]) {
      const ChannelId channel(step >= 0 ? step : -1 - step);
      const Operands operands = step >= 0 ? Operands(Send{BufferId(), channel, MicrobatchId(0)})
                                          : Operands(Recv{BufferId(), channel, MicrobatchId(0)});
      instructions.push_back({StreamId(0), SourceId(), operands});
    }
  }
}

// In how many orders the ranks can do what these counts say: messages of one channel are alike.
int64_t ProgramsOf(const Counts& counts) {
  const auto factorial = [](int n) {
    int64_t product = 1;
    for (int i = 2; i <= n; ++i) product *= i;
    return product;
  };
  int64_t programs = 1;
  for (int rank = 0; rank < kRanks; ++rank) {
    int steps = 0;
    int64_t alike = 1;
    for (size_t i = 0; i < counts.size(); ++i) {
      if (kChannels[i][0] != rank && kChannels[i][1] != rank) continue;
      steps += counts[i];
      alike *= factorial(counts[i]);
    }
    programs *= factorial(steps) / alike;
  }
  return programs;
}

TEST(Interleavings, EveryProgramOfThreeRanksAndSixTransfers) {
  Plan plan = MeetingsPlan(kRanks, 1);
  for (const auto& [from, to] : kChannels) AddChannel(plan, from, to);
  Explorer explorer;
  int64_t programs = 0, hang = 0, expected = 0;
  const auto compare = [&](const Counts& counts) {
    expected += ProgramsOf(counts);
    std::array<Order, kRanks> orders = OrdersOf(counts);
    do {
      do {
        do {
          SetProgram(plan, orders);
          const Interleavings truth = explorer.Explore(plan, StreamView::kSeparate, 1);
          ASSERT_EQ(truth.ends, 1) << ToText(plan);
          const Outcome outcome =
              RunMachine(plan, ProgramKind::kStep, StreamView::kSeparate, 1, nullptr);
          ASSERT_EQ(outcome.completed, truth.completed == 1) << ToText(plan);
          // The check is the machine and a message; that takes longer, so not every time.
          if (programs % 101 == 0) {
            Findings findings;
            CheckDeadlock(plan, findings);
            ASSERT_EQ(findings.empty(), truth.completed == 1) << ToText(plan);
          }
          ++programs;
          hang += 1 - truth.completed;
        } while (std::ranges::next_permutation(orders[2]).found);
      } while (std::ranges::next_permutation(orders[1]).found);
    } while (std::ranges::next_permutation(orders[0]).found);
  };
  Counts counts{};
  const auto choose = [&](auto&& self, size_t channel, int left) -> void {
    if (testing::Test::HasFatalFailure()) return;
    if (channel == counts.size()) {
      return compare(counts);
    }
    for (counts[channel] = 0; counts[channel] <= left; ++counts[channel]) {
      self(self, channel + 1, left - counts[channel]);
    }
    counts[channel] = 0;
  };
  choose(choose, 0, 6);
  std::printf("%lld programs, %lld hang\n", static_cast<long long>(programs),
              static_cast<long long>(hang));
  EXPECT_EQ(programs, expected) << "some were left out";
  EXPECT_GT(hang, programs / 10);
  EXPECT_GT(programs - hang, programs / 100);
}

using Random = std::mt19937_64;

// Two or three positions of two streams; up to six transfers and collectives, each end on the
// stream of its channel or group, somewhere in the issue order, and events between the two streams.
Plan RandomPlan(Random& random) {
  const auto below = [&](int count) {
    return std::uniform_int_distribution<int>(0, count - 1)(random);
  };
  const int positions = 2 + below(2);
  Plan plan = MeetingsPlan(positions, 2);
  struct Meeting {
    Operands operands;
    int position = 0;
    int stream = 0;
    double when = 0;
  };
  std::vector<Meeting> all;
  // Times that nearly agree, so that neither verdict is rare.
  const double blur = 0.3 * below(5);
  const auto when = [&](double about) {
    return about + blur * std::uniform_real_distribution<double>(0, 1)(random);
  };
  for (int from = 0; from < positions; ++from) {
    for (int to = 0; to < positions; ++to) {
      if (from != to) AddChannel(plan, from, to);
    }
  }
  const int channels = static_cast<int>(plan.channels.size());
  std::vector<PositionId> everyone;
  for (int p = 0; p < positions; ++p) everyone.emplace_back(p);
  AddGroup(plan, everyone);
  AddGroup(plan, {PositionId(0), PositionId(1)});
  const uint64_t streams = random();  // of each end of each channel and group, a bit each
  const int meetings = 1 + below(6);
  for (int i = 0; i < meetings; ++i) {
    const double about = 0.2 * i;
    if (below(4) > 0) {
      const ChannelId channel(below(channels));
      const Channel& of = plan.channels[channel.index()];
      all.push_back({Send{BufferId(), channel, MicrobatchId(0)}, of.from.value,
                     static_cast<int>(streams >> (2 * channel.value) & 1), when(about)});
      all.push_back({Recv{BufferId(), channel, MicrobatchId(0)}, of.to.value,
                     static_cast<int>(streams >> (2 * channel.value + 1) & 1), when(about)});
      continue;
    }
    const GroupId group(below(2));
    for (const PositionId member : plan.groups[group.index()].positions) {
      all.push_back(
          {Collective{CollectiveKind::kAllReduce, BufferId(), BufferId(), group}, member.value,
           static_cast<int>(streams >> (20 + 4 * group.value + member.value) & 1), when(about)});
    }
  }
  std::ranges::stable_sort(all, {}, &Meeting::when);
  for (const Meeting& meeting : all) {
    // Before it, perhaps, a wait for what the other stream has come to.
    Program& body = plan.positions[static_cast<size_t>(meeting.position)].programs[1];
    if (below(3) == 0) {
      const EventId event(body.events++);
      Issue(plan, meeting.position, 1 - meeting.stream, Record{event});
      Issue(plan, meeting.position, meeting.stream, Wait{event});
    }
    Issue(plan, meeting.position, meeting.stream, meeting.operands);
  }
  return plan;
}

long Setting(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtol(value, nullptr, 10);
}

TEST(Interleavings, RandomProgramsOfTwoStreamsEventsAndCollectives) {
  const long seed = Setting("PPRUN_INTERLEAVINGS_SEED", 20241121);
  const long runs = Setting("PPRUN_INTERLEAVINGS_RUNS", 100000);
  std::printf("seed %ld\n", seed);
  Explorer explorer;
  int64_t completed = 0, separate_only = 0, skipped = 0;
  for (long run = 0; run < runs; ++run) {
    Random random(static_cast<uint64_t>(seed + run));
    const Plan plan = RandomPlan(random);
    const bool small = std::ranges::all_of(plan.positions, [](const Position& position) {
      return position.programs[1].instructions.size() <= 15;
    });
    if (!small) {
      ++skipped;
      continue;
    }
    std::array<bool, 2> all_complete = {true, true};  // by view
    for (const StreamView view : {StreamView::kSeparate, StreamView::kMerged}) {
      for (const int32_t repeats : {1, 2}) {
        const Interleavings truth = explorer.Explore(plan, view, repeats);
        ASSERT_EQ(truth.ends, 1) << "seed " << seed + run << "\n" << ToText(plan);
        const Outcome outcome = RunMachine(plan, ProgramKind::kStep, view, repeats, nullptr);
        ASSERT_EQ(outcome.completed, truth.completed == 1) << "seed " << seed + run << "\n"
                                                           << ToText(plan);
        if (truth.completed == 0) all_complete[static_cast<size_t>(view)] = false;
      }
    }
    Findings findings;
    CheckDeadlock(plan, findings);
    ASSERT_EQ(findings.empty(), all_complete[0] && all_complete[1]) << "seed " << seed + run << "\n"
                                                                    << ToText(plan);
    if (findings.empty()) ++completed;
    if (all_complete[0] && !all_complete[1]) ++separate_only;
  }
  std::printf("%lld complete, %lld only with their streams apart, %lld not compared, of %ld\n",
              static_cast<long long>(completed), static_cast<long long>(separate_only),
              static_cast<long long>(skipped), runs);
  if (runs < 1000) return;
  EXPECT_GT(completed, runs / 5);
  EXPECT_GT(separate_only, runs / 100);
  EXPECT_LT(completed, runs * 4 / 5);
  EXPECT_LT(skipped, runs / 50);
}

}  // namespace
}  // namespace pprun
