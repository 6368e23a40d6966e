#include <gtest/gtest.h>

#include <map>

#include "compiler/plan/semantics.h"
#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

// Microbatches sent and received on each channel, in issue order.
template <typename Kind>
std::map<int, std::vector<int>> Orders(const Plan& plan) {
  std::map<int, std::vector<int>> orders;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    for (const Kind& transfer : Select<Kind>(Step(plan, p))) {
      orders[transfer.channel.value].push_back(transfer.microbatch.value);
    }
  }
  return orders;
}

TEST(InsertTransfersTest, EveryBoundaryIsCrossedInOneOrder) {
  for (const char* schedule : {"schedule gpipe;", "schedule one_f_one_b;"}) {
    for (int pp = 1; pp <= 5; ++pp) {
      const Plan plan =
          CompilePlan({.pp = pp, .microbatches = 6, .depth = 6, .schedule = schedule});
      EXPECT_EQ(plan.channels.size(), static_cast<size_t>(2 * (pp - 1)));
      const auto sent = Orders<Send>(plan);
      EXPECT_EQ(sent, Orders<Recv>(plan));
      for (const auto& [channel, microbatches] : sent) EXPECT_EQ(microbatches.size(), 6u);
    }
  }
}

TEST(InsertTransfersTest, OneQueueARankDoesNotHang) {
  for (int pp : {2, 3, 4, 6}) {
    for (int microbatches : {1, 3, 8}) {
      const Plan plan = CompilePlan({.pp = pp, .microbatches = microbatches, .depth = 6});
      EXPECT_TRUE(
          RunMachine(plan, ProgramKind::kStep, StreamView::kMerged, 2, [](auto) {}).completed);
    }
  }
}

// A schedule of the user's whose stages take the microbatches in different orders.
TEST(InsertTransfersTest, FollowsTheOrderOfTheProducers) {
  const Plan plan =
      CompilePlan({.pp = 2,
                   .microbatches = 2,
                   .schedule = "schedule crossed { order on rank r {"
                               " if r == 0 { forward(0); forward(1); backward(1); backward(0); }"
                               " else { forward(1); backward(1); forward(0); backward(0); } } }\n"
                               "schedule crossed;"});
  const auto sent = Orders<Send>(plan);
  EXPECT_EQ(sent, Orders<Recv>(plan));
  EXPECT_EQ(sent.at(0), (std::vector<int>{0, 1}));
  EXPECT_EQ(sent.at(1), (std::vector<int>{1, 0}));
}

}  // namespace
}  // namespace pprun
