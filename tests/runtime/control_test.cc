// The control channel: verdicts, who hears them, deadlines, aborts.
#include "runtime/control.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "runtime/communicator.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

TEST(Judge, SumsSharesInRankOrder) {
  const std::vector<StepReport> reports = {{.step = 4},
                                           {.step = 4, .loss = 1.5, .validation_loss = 0.25},
                                           {.step = 4, .gradient_norm = 3.0},
                                           {.step = 4, .loss = 2.25, .validation_loss = 0.5}};
  const StepVerdict verdict = Judge(reports);
  EXPECT_EQ(verdict.action, StepVerdict::Action::kGoOn);
  EXPECT_EQ(verdict.step, 4);
  EXPECT_EQ(verdict.loss, 3.75);
  EXPECT_EQ(verdict.validation_loss, 0.75);
  EXPECT_EQ(verdict.gradient_norm, 3.0);
}

TEST(Judge, ANumberThatIsNotFiniteFailsAndNamesStepAndRank) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Judge(std::vector<StepReport>{{.step = 11}, {.step = 11, .loss = nan}}).why,
            "loss is nan in step 12 on rank 1");
  EXPECT_EQ(Judge(std::vector<StepReport>{{.step = 0, .loss = 1, .gradient_norm = inf}}).why,
            "gradient norm is inf in step 1 on rank 0");
  // The loss comes first, though its rank does not.
  const StepVerdict both =
      Judge(std::vector<StepReport>{{.step = 1, .gradient_norm = nan}, {.step = 1, .loss = -inf}});
  EXPECT_EQ(both.action, StepVerdict::Action::kFail);
  EXPECT_EQ(both.why, "loss is -inf in step 2 on rank 1");
}

TEST(Judge, OneInterruptStopsAllAndAFailureOutweighsIt) {
  std::vector<StepReport> reports = {{.step = 0}, {.step = 0, .wish = StepReport::Wish::kStop}};
  EXPECT_EQ(Judge(reports).action, StepVerdict::Action::kStop);
  reports[0].loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Judge(reports).action, StepVerdict::Action::kFail);
}

// Ranks that post one step ahead of what they hear, as training does, at speeds of their own.
TEST(LocalControl, EveryRankHearsTheSameOneStepLater) {
  constexpr int64_t kRanks = 4;
  constexpr int64_t kSteps = 500;
  LocalControl hub(kRanks, milliseconds(10000));
  std::vector<std::vector<double>> heard(kRanks);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto control = hub.ControlOf(rank);
      for (int64_t step = 0; step < kSteps; ++step) {
        if ((step + rank) % 50 == 0) std::this_thread::sleep_for(milliseconds(1));
        control->Post({.step = step, .loss = static_cast<double>(step * (rank + 1))});
        if (step > 0) {
          heard[static_cast<size_t>(rank)].push_back(control->Await(step - 1).loss);
        }
      }
      heard[static_cast<size_t>(rank)].push_back(control->Await(kSteps - 1).loss);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int64_t step = 0; step < kSteps; ++step) {
    for (const auto& one : heard) {
      EXPECT_EQ(one[static_cast<size_t>(step)], static_cast<double>(step * 10));
    }
  }
}

TEST(LocalControl, AWaitEndsAtItsDeadline) {
  LocalControl hub(2, milliseconds(30));
  const auto control = hub.ControlOf(1);
  control->Post({.step = 7});
  try {
    control->Await(7);
    FAIL() << "rank 0 never posted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("rank 1 waited"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("step 8"), std::string::npos);
  }
}

TEST(LocalControl, AnAbortEndsAWaitAndLaterOnes) {
  LocalControl hub(2, milliseconds(10000));
  const auto control = hub.ControlOf(0);
  control->Post({.step = 0});
  std::thread aborts([&] {
    std::this_thread::sleep_for(milliseconds(20));
    hub.Abort("rank 1 is gone");
    hub.Abort("so what");
  });
  for (int i = 0; i < 2; ++i) {
    try {
      control->Await(0);
      ADD_FAILURE() << "rank 1 never posted";
    } catch (const AbortedError& error) {
      EXPECT_STREQ(error.what(), "rank 1 is gone");
    }
  }
  aborts.join();
}

}  // namespace
}  // namespace pprun
