// SIGINT, noticed without a handler: while the watch lives, the signal is blocked in this thread
// and in those it starts, and a thread of its own waits for it. The first one asks the run to stop
// after a step that all ranks finish; the second one ends the process at once, with status 130.
// Tests: watchdog_test.cc.
#pragma once

#include <signal.h>

#include <atomic>
#include <thread>

namespace pprun {

class InterruptWatch {
 public:
  // Construct it before the threads that are to leave the signal to it.
  InterruptWatch();
  // Restores the thread's signals.
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Grows with SIGINT; what the run polls.
  const std::atomic<int>& count() const { return count_; }

 private:
  void Watch();

  sigset_t before_;
  std::atomic<int> count_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace pprun
