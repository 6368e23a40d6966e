// What every control channel must do. One that joins ranks in another way instantiates the suite
// with how a room of ranks is made:
//
//   INSTANTIATE_TEST_SUITE_P(Local, ControlConformance,
//                            testing::Values(ControlCase{"local", MakeLocalRoom}));
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/control.h"

namespace pprun {

// Ranks that hear each other. Owns what joins them.
class ControlRoom {
 public:
  virtual ~ControlRoom() = default;
  virtual Controls& controls(int64_t rank) = 0;
};

struct ControlCase {
  std::string name;
  std::function<std::unique_ptr<ControlRoom>(int64_t ranks, std::chrono::milliseconds deadline)>
      make;
};

class ControlConformance : public testing::TestWithParam<ControlCase> {
 protected:
  std::unique_ptr<ControlRoom> Make(int64_t ranks, int deadline) {
    return GetParam().make(ranks, std::chrono::milliseconds(deadline));
  }
};

// Ranks that post one step ahead of what they hear, as training does, at speeds of their own.
TEST_P(ControlConformance, EveryRankHearsTheSameOneStepLater) {
  constexpr int64_t kRanks = 4;
  constexpr int64_t kSteps = 500;
  const auto room = Make(kRanks, 10000);
  std::vector<std::vector<double>> heard(kRanks);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto control = room->controls(rank).ControlOf(rank);
      for (int64_t step = 0; step < kSteps; ++step) {
        if ((step + rank) % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        control->Post(
            {.round = step, .step = step, .loss = static_cast<double>(step * (rank + 1))});
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

// Every field of a report counts on every rank, whoever sent it.
TEST_P(ControlConformance, VerdictsAreWhole) {
  const auto room = Make(3, 10000);
  const std::vector<StepReport> steps = {
      {.round = 0, .step = 0, .loss = 1.25, .gradient_norm = 3.5, .validation_loss = 2.5},
      {.round = 1,
       .step = 1,
       .loss = 1,
       .gradient_norm = {},
       .validation_loss = {},
       .wish = StepReport::Wish::kStop},
      {.round = 2, .step = 2, .loss = std::numeric_limits<double>::quiet_NaN()}};
  std::vector<std::unique_ptr<Control>> controls;
  for (int64_t rank = 0; rank < 3; ++rank) {
    controls.push_back(room->controls(rank).ControlOf(rank));
  }
  for (const StepReport& report : steps) {
    controls[0]->Post({.round = report.round, .step = report.step});
    controls[1]->Post({.round = report.round, .step = report.step});
    controls[2]->Post(report);
  }
  for (const auto& control : controls) {
    const StepVerdict first = control->Await(0);
    EXPECT_EQ(first.action, StepVerdict::Action::kGoOn);
    EXPECT_EQ(first.step, 0);
    EXPECT_EQ(first.loss, 1.25);
    EXPECT_EQ(first.gradient_norm, 3.5);
    EXPECT_EQ(first.validation_loss, 2.5);
    const StepVerdict second = control->Await(1);
    EXPECT_EQ(second.action, StepVerdict::Action::kStop);
    EXPECT_FALSE(second.gradient_norm);
    EXPECT_FALSE(second.validation_loss);
    const StepVerdict third = control->Await(2);
    EXPECT_EQ(third.action, StepVerdict::Action::kFail);
    EXPECT_EQ(third.why, "loss is nan in step 3 on rank 2");
  }
}

TEST_P(ControlConformance, AWaitEndsAtItsDeadline) {
  const auto room = Make(2, 30);
  const auto control = room->controls(1).ControlOf(1);
  control->Post({.round = 0, .step = 0});
  try {
    control->Await(0);
    FAIL() << "rank 0 never posted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("rank 1 waited"), std::string::npos);
  }
}

TEST_P(ControlConformance, AnAbortEndsAWaitAndLaterOnes) {
  const auto room = Make(2, 10000);
  const auto control = room->controls(0).ControlOf(0);
  control->Post({.round = 0, .step = 0});
  std::thread aborts([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    room->controls(1).Abort("rank 1 is gone");
    room->controls(0).Abort("so what");
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

}  // namespace pprun
