// The watchdog barks once when nothing moves, and never while something does. The interrupt watch.
#include "runtime/watchdog.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "runtime/interrupt.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

TEST(Watchdog, ReportsOnceWhenNothingMoves) {
  std::atomic<int> reports{0};
  {
    const Watchdog watchdog(
        milliseconds(32), [] { return int64_t{5}; }, [&] { ++reports; });
    for (int i = 0; i < 500 && reports == 0; ++i) std::this_thread::sleep_for(milliseconds(10));
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(reports, 1);
}

TEST(Watchdog, IsQuietWhileSomethingMoves) {
  std::atomic<int> reports{0};
  std::atomic<int64_t> progress{0};
  {
    // Something new at every look.
    const Watchdog watchdog(
        milliseconds(32), [&] { return ++progress; }, [&] { ++reports; });
    while (progress < 60) std::this_thread::sleep_for(milliseconds(2));
  }
  EXPECT_EQ(reports, 0);
}

TEST(Watchdog, EndsAtOnceWhenNobodyNeedsIt) {
  const auto begin = std::chrono::steady_clock::now();
  {
    const Watchdog watchdog(
        std::chrono::hours(1), [] { return int64_t{0}; }, [] {});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

// Ctrl-C, and what a batch system sends.
class InterruptWatchTest : public testing::TestWithParam<int> {};

TEST_P(InterruptWatchTest, CountsTheSignalInsteadOfDying) {
  const InterruptWatch watch;
  EXPECT_EQ(watch.count(), 0);
  kill(getpid(), GetParam());
  for (int i = 0; i < 500 && watch.count() == 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(watch.count(), 1);
  EXPECT_EQ(watch.signal(), GetParam());
}

using InterruptWatchDeathTest = InterruptWatchTest;

TEST_P(InterruptWatchDeathTest, TheSecondSignalEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // Whatever the first one was.
  for (const int first : {SIGINT, SIGTERM}) {
    EXPECT_EXIT(
        {
          const InterruptWatch watch;
          kill(getpid(), first);
          while (watch.count() == 0) std::this_thread::sleep_for(milliseconds(1));
          kill(getpid(), GetParam());
          for (;;) std::this_thread::sleep_for(milliseconds(1));
        },
        testing::ExitedWithCode(StatusOfSignal(GetParam())), "");
  }
}

TEST_P(InterruptWatchTest, LeavesTheSignalAsItWas) {
  { const InterruptWatch watch; }
  sigset_t now;
  pthread_sigmask(SIG_BLOCK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, GetParam()), 0);
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptWatchTest, testing::Values(SIGINT, SIGTERM));
INSTANTIATE_TEST_SUITE_P(Signals, InterruptWatchDeathTest, testing::Values(SIGINT, SIGTERM));

TEST(StatusOfSignal, IsWhatShellsSay) {
  EXPECT_EQ(StatusOfSignal(SIGINT), 130);
  EXPECT_EQ(StatusOfSignal(SIGTERM), 143);
}

}  // namespace
}  // namespace pprun
