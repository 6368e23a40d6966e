#include "runtime/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>

namespace pprun {
namespace {

StepMetrics At(int64_t step) {
  return {.step = step,
          .loss = 5.5 - 0.01 * static_cast<double>(step),
          .tokens_per_second = 31234,
          .seconds = 0.5 * static_cast<double>(step)};
}

TEST(Progress, PlainLinesSayWhereTheRunIs) {
  std::ostringstream out;
  Progress progress(out, Console::kPlain, 10);
  progress.Step(At(1));
  progress.Step(At(2));
  progress.Step(At(10));
  progress.Finish();
  EXPECT_EQ(out.str(),
            "step  1 of 10   loss 5.4900   31.2k tokens/s\n"
            "step  2 of 10   loss 5.4800   31.2k tokens/s   4 s left\n"
            "step 10 of 10   loss 5.4000   31.2k tokens/s\n");
}

TEST(Progress, PlainLinesAreAboutTwenty) {
  std::ostringstream out;
  Progress progress(out, Console::kPlain, 1000);
  for (int64_t step = 1; step <= 1000; ++step) progress.Step(At(step));
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 21);
  EXPECT_NE(text.find("step  500 of 1000"), std::string::npos);
  EXPECT_EQ(text.find("step  501 of 1000"), std::string::npos);
}

TEST(Progress, PlainLinesMissNoValidationAndNoBrokenLoss) {
  std::ostringstream out;
  Progress progress(out, Console::kPlain, 1000);
  StepMetrics metrics = At(7);
  metrics.validation_loss = 2.5;
  progress.Step(metrics);
  metrics = At(8);
  metrics.loss = std::numeric_limits<double>::quiet_NaN();
  progress.Step(metrics);
  EXPECT_EQ(out.str(),
            "step    7 of 1000   loss 5.4300   31.2k tokens/s   held-out loss 2.5000\n"
            "step    8 of 1000   loss nan   31.2k tokens/s   8 min 16 s left\n");
}

TEST(Progress, ATerminalsLineIsRewritten) {
  std::ostringstream out;
  Progress progress(out, Console::kTerminal, 3);
  progress.Step(At(1));
  progress.Step(At(2));
  progress.Say("saved");
  progress.Step(At(3));
  progress.Finish();
  progress.Say("done");
  EXPECT_EQ(out.str(),
            "step 1 of 3   loss 5.4900   31.2k tokens/s"
            "\r\x1b[K"
            "step 2 of 3   loss 5.4800   31.2k tokens/s   1 s left"
            "\r\x1b[K"
            "saved\n"
            "step 2 of 3   loss 5.4800   31.2k tokens/s   1 s left"
            "\r\x1b[K"
            "step 3 of 3   loss 5.4700   31.2k tokens/s\n"
            "done\n");
}

TEST(Progress, ShortCounts) {
  EXPECT_EQ(ShortCount(0), "0");
  EXPECT_EQ(ShortCount(999), "999");
  EXPECT_EQ(ShortCount(31234), "31.2k");
  EXPECT_EQ(ShortCount(999'960), "1.00M");
  EXPECT_EQ(ShortCount(1'250'000), "1.25M");
  EXPECT_EQ(ShortCount(std::numeric_limits<double>::infinity()), "?");
}

TEST(Progress, ShortDurations) {
  EXPECT_EQ(ShortDuration(0.2), "0 s");
  EXPECT_EQ(ShortDuration(59.6), "1 min 0 s");
  EXPECT_EQ(ShortDuration(185), "3 min 5 s");
  EXPECT_EQ(ShortDuration(7800), "2 h 10 min");
  EXPECT_EQ(ShortDuration(std::numeric_limits<double>::infinity()), "?");
}

}  // namespace
}  // namespace pprun
