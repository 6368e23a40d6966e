// An abort that everyone who waits learns of: threads that meet wait under its lock, and what they
// wait for or the abort ends the wait. Tests: cuda_local_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/communicator.h"

namespace pprun {

class AbortSignal {
 public:
  // The first reason stays. From any thread.
  void Raise(const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      if (raised()) return;
      why_ = why;
      raised_.store(true, std::memory_order_release);
    }
    changed_.notify_all();
  }
  bool raised() const { return raised_.load(std::memory_order_acquire); }
  // Once raised it stays what it is.
  std::optional<std::string> why() const {
    if (!raised()) return std::nullopt;
    return why_;
  }
  void ThrowIfRaised() const {
    if (raised()) throw AbortedError(why_);
  }

  // For what threads tell each other: change it under the lock, then notify.
  std::unique_lock<std::mutex> Lock() { return std::unique_lock(mutex_); }
  void NotifyAll() { changed_.notify_all(); }
  // Returns when the condition holds. Throws AbortedError if it does not and never will.
  template <class Condition>
  void Wait(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    changed_.wait(lock, [&] { return condition() || raised(); });
    if (!condition()) throw AbortedError(why_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> raised_{false};
  std::string why_;
};

}  // namespace pprun
