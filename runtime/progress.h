// The progress of a run on the console: on a terminal one line, rewritten in place; elsewhere plain
// lines, about twenty a run, so that a log stays short.
//
//   step 120 of 500   loss 2.8143   31.2k tokens/s   1 min 4 s left
//   step 200 of 500   loss 2.5027   31.0k tokens/s   held-out loss 2.5310   48 s left
//
// Tests: progress_test.cc.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "runtime/metrics.h"

namespace pprun {

enum class Console : uint8_t { kTerminal, kPlain };

// Whether a descriptor (1: standard output) is a terminal that rewrites lines.
Console ConsoleOf(int descriptor);

class Progress {
 public:
  Progress(std::ostream& out, Console console, int64_t steps);

  // After every step, in order.
  void Step(const StepMetrics& metrics);
  // A line of its own, above the progress line: a warning, where something was saved.
  void Say(std::string_view line);
  // Ends the line that stands; more steps may follow.
  void Finish();

 private:
  std::string Line(const StepMetrics& metrics) const;
  bool Due(const StepMetrics& metrics) const;
  void Clear();

  std::ostream& out_;
  Console console_;
  int64_t steps_;
  int64_t first_step_ = 0;  // the first reported, and when: time left is measured from it on
  double first_seconds_ = 0;
  std::string standing_;  // kTerminal: the line that stands on the screen, not yet ended
};

// "850", "31.2k", "1.25M".
std::string ShortCount(double number);
// "48 s", "3 min 5 s", "2 h 10 min".
std::string ShortDuration(double seconds);

}  // namespace pprun
