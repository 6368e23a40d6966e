#include "tests/gpu/supervise.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace pprun::gpu {
namespace {

using std::chrono::milliseconds;

TEST(Supervise, GoesOnBehindWhatCrashesHangsOrBreaksTheGpu) {
  testing::internal::CaptureStdout();
  const int failures = Supervise({.patience = milliseconds(300)}, [](CheckRunner& runner) {
    const auto print = [](const char* what, CheckEnd end) {
      std::printf("%s\n", what);
      return end;
    };
    runner.Run("first", [&] { return print("first ran", CheckEnd::kHolds); });
    runner.Run("crash", []() -> CheckEnd { std::abort(); });
    runner.Run("fails", [&] { return print("fails ran", CheckEnd::kFails); });
    runner.Run("hang", []() -> CheckEnd {
      while (true) std::this_thread::sleep_for(milliseconds(10));
    });
    runner.Run("broken", [&] { return print("broken ran", CheckEnd::kBroken); });
    runner.Run("last", [&] { return print("last ran", CheckEnd::kHolds); });
    std::printf("%d checks, %d failures\n", runner.count(), runner.failures());
  });
  EXPECT_EQ(failures, 4);
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "first ran\n"
            "crash: FAILED: its process was ended by signal 6\n"
            "fails ran\n"
            "hang: took more than 0 s\n"
            "hang: FAILED: its process was ended by signal 9\n"
            "broken ran\n"
            "last ran\n"
            "6 checks, 4 failures\n");
}

TEST(Supervise, FailsWhereTheListWasNotRunToItsEnd) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(Supervise({}, [](CheckRunner&) { throw std::runtime_error("no GPU"); }), 1);
  EXPECT_EQ(Supervise({.most_children = 2},
                      [](CheckRunner& runner) {
                        for (int i = 0; i < 5; ++i) {
                          runner.Run("breaks", [] { return CheckEnd::kBroken; });
                        }
                      }),
            3);
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "error: no GPU\n"
            "a child ended with status 256 before any check\n"
            "gave up: too many checks ended their process; the rest was not run\n");
}

TEST(Supervise, ARunnerAloneRunsEverythingHere) {
  CheckRunner runner;
  int ran = 0;
  for (const CheckEnd end : {CheckEnd::kHolds, CheckEnd::kBroken, CheckEnd::kFails}) {
    runner.Run("any", [&] {
      ++ran;
      return end;
    });
  }
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(runner.failures(), 2);
}

}  // namespace
}  // namespace pprun::gpu
