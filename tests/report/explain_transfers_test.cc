// What explain says of queues, of compiled studies: whose they are, and who waits for them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/plan/base/json.h"
#include "compiler/report/explain.h"
#include "compiler/report/idle.h"
#include "compiler/report/linked_run.h"

namespace pprun {
namespace {

constexpr const char* kChoices[] = {"queue_per_peer", "queue_per_rank", "queue_per_flow"};

Plan Study(const std::string& schedule, int ranks, int microbatches, const std::string& transfers) {
  const std::string path =
      ::testing::TempDir() + "/explain_transfers_" + std::to_string(getpid()) + ".sched";
  std::ofstream(path) << "mesh { pp = " << ranks << "; }\nschedule " << schedule << ";\ntransfers "
                      << transfers << ";\n";
  CompileOptions options;
  options.overrides = {{"microbatches", std::to_string(microbatches)}};
  Compilation result = Compile(path, options);
  std::remove(path.c_str());
  EXPECT_TRUE(result.Ok()) << result.Messages();
  return std::move(*result.plan);
}

Explanation ExplainWith(const Plan& plan, const std::string& costs) {
  return Explain(plan, {.model = ParseCosts(costs), .machine = {}});
}

using Names = std::vector<std::string>;

TEST(ExplainTransfers, SaysWhichChoicesGiveThesePlansQueues) {
  const auto choices = [](const std::string& schedule, const std::string& transfers) {
    return ExplainWith(Study(schedule, 4, 8, transfers), "F=1").transfers->choices;
  };
  // In a row each way to a peer has one flow.
  const Names same = {"queue_per_peer", "queue_per_flow"};
  EXPECT_EQ(choices("one_f_one_b", "queue_per_peer"), same);
  EXPECT_EQ(choices("one_f_one_b", "queue_per_flow"), same);
  EXPECT_EQ(choices("one_f_one_b", "queue_per_rank"), Names{"queue_per_rank"});
  for (const char* schedule : {"interleaved_one_f_one_b", "zero_bubble_v", "dualpipe"}) {
    for (const char* choice : kChoices) EXPECT_EQ(choices(schedule, choice), Names{choice});
  }
}

TEST(ExplainTransfers, CountsQueuesAndMessages) {
  const auto of = [](const std::string& schedule, const std::string& transfers) {
    return ExplainWith(Study(schedule, 4, 8, transfers), "F=1").transfers->positions;
  };
  // A V: two flows each way to a peer, and none at the turn.
  for (const char* choice : kChoices) {
    const auto positions = of("zero_bubble_v", choice);
    ASSERT_EQ(positions.size(), 4u);
    for (size_t p = 0; p < 4; ++p) {
      const int64_t peers = p == 0 || p == 3 ? 1 : 2;
      const std::string which = choice;
      EXPECT_EQ(positions[p].queues,
                which == "queue_per_rank" ? 1 : peers * (which == "queue_per_peer" ? 2 : 4));
      EXPECT_EQ(positions[p].channels, 4 * peers);
      EXPECT_EQ(positions[p].sent, 2 * 8 * peers);
      EXPECT_EQ(positions[p].received, 2 * 8 * peers);
      EXPECT_EQ(positions[p].sent_bytes, 4.0 * 2 * 8 * static_cast<double>(peers));
    }
  }
  EXPECT_FALSE(ExplainWith(Study("gpipe", 1, 2, "queue_per_peer"), "F=1").transfers);
}

// Two ranks, three microbatches, a transfer of 2. Either way the second is ready 1 before its turn;
// the third, whose last layer of two had to wait for the first to free its slot, 1.5. No task waits
// for them then: what tasks wait for is on its way.
TEST(ExplainTransfers, TellsWaitingForATurnFromBeingOnTheWay) {
  const Explanation one = ExplainWith(Study("gpipe", 2, 3, "queue_per_peer"), "F=1,B=1,C=2");
  EXPECT_EQ(one.figures.makespan, 16);
  for (const TransferExplanation::At& at : one.transfers->positions) {
    EXPECT_EQ(at.waited, 2.5);
    EXPECT_EQ(at.held_up, 0);
  }
  EXPECT_FALSE(one.transfers->worst);
  EXPECT_TRUE(one.advice.empty() || one.advice[0].find("queue") == std::string::npos);
}

// With a queue for each flow, and transfers that are short, nothing waits; with fewer, what waits
// is at most what the accounts of idle time call the queue's.
TEST(ExplainTransfers, AgreesWithTheAccountsOfIdleTime) {
  int held_up = 0;
  for (const char* schedule :
       {"one_f_one_b", "interleaved_one_f_one_b", "zero_bubble_h1", "zero_bubble_v", "v_half"}) {
    for (const char* choice : kChoices) {
      SCOPED_TRACE(std::string(schedule) + ", " + choice);
      const Plan plan = Study(schedule, 4, 12, choice);
      const CostModel costs = ParseCosts("C=0.3");
      const Explanation one = Explain(plan, {.model = costs, .machine = {}});
      const RunTimes times = TimesOf(LinkRun(plan, Simulate(plan, ProgramKind::kStep, costs), 0));
      for (size_t p = 0; p < 4; ++p) {
        const TransferExplanation::At& at = one.transfers->positions[p];
        const double idle = times.ranks[p].idle[static_cast<size_t>(IdleCause::kQueue)];
        EXPECT_LE(at.held_up, idle + 1e-9) << "position " << p;
        if (std::string(choice) == "queue_per_flow") {
          EXPECT_EQ(at.waited, 0);
        }
        if (at.held_up > 0) ++held_up;
      }
    }
  }
  EXPECT_GE(held_up, 4);
}

TEST(ExplainTransfers, NamesTheWorstWaitWhereItShows) {
  const Plan plan = Study("dualpipe_v", 4, 16, "queue_per_rank");
  const Explanation one = ExplainWith(plan, "C=0.3");
  ASSERT_TRUE(one.transfers->worst);
  const TransferExplanation::Wait& worst = *one.transfers->worst;
  EXPECT_GT(worst.held_up, 0);
  EXPECT_GE(worst.begin - worst.ready, worst.held_up - 1e-9);
  EXPECT_NE(worst.source.find("dualpipe_v.sched:"), std::string::npos);
  ASSERT_EQ(one.advice.size(), 1u);
  for (const std::string& part :
       {std::string("of the step) for transfers that stand in a queue"), worst.instruction,
        worst.source, "after `" + worst.behind + "`",
        std::string("`transfers queue_per_peer` and `queue_per_flow` have more queues")}) {
    EXPECT_NE(one.advice[0].find(part), std::string::npos) << one.advice[0];
  }
  EXPECT_EQ(ParseJson(ToJson(one)).Find("transfers")->Find("worst")->Find("behind")->string,
            worst.behind);
  // Short transfers wait as often, and for less than a hundredth of the makespan.
  EXPECT_TRUE(ExplainWith(plan, "C=0.003").advice.empty()) << ToText(ExplainWith(plan, "C=0.003"));
}

}  // namespace
}  // namespace pprun
