// SIGINT and SIGTERM (Ctrl-C, and what a batch system sends before it kills), noticed without a
// handler: while the watch lives, both are blocked in this thread and in those it starts, and a
// thread of its own waits for them. The first one asks the run to stop after a step that all ranks
// finish; the second one ends the process at once. Tests: watchdog_test.cc.
#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace pprun {

// The exit status of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM.
constexpr int StatusOfSignal(int signal) { return 128 + signal; }

// Tells the user, on standard error, what an interrupt begins.
void SayInterrupted();

class InterruptWatch {
 public:
  // Construct it before the threads that are to leave the signals to it.
  // `on_first` is called once, by the watch's thread.
  explicit InterruptWatch(std::function<void()> on_first = {});
  // Restores the thread's signals.
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Grows with each signal; what the run polls.
  const std::atomic<int>& count() const { return count_; }
  // The first one; meaningless while the count is 0.
  int signal() const { return signal_.load(); }

 private:
  void Watch();

  const std::function<void()> on_first_;
  sigset_t before_;
  std::atomic<int> count_{0};
  std::atomic<int> signal_{SIGINT};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace pprun
