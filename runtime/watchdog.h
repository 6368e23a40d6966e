// The watchdog: notices that nothing moves any more.
//
// It looks at a number that grows while work is done; if it has stayed the same for the whole
// patience, it reports once. Time during which the process was stopped or the machine slept does
// not count. Tests: watchdog_test.cc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace pprun {

class Watchdog {
 public:
  // Both are called by the watchdog's thread. Looks sixteen times within its patience.
  Watchdog(std::chrono::milliseconds patience, std::function<int64_t()> progress,
           std::function<void()> on_hang);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch();

  const std::chrono::milliseconds patience_;
  const std::function<int64_t()> progress_;
  const std::function<void()> on_hang_;
  std::mutex mutex_;
  std::condition_variable changed_;
  enum class State : uint8_t { kWatching, kEnded } state_ = State::kWatching;
  std::thread thread_;
};

}  // namespace pprun
