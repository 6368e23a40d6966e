#include "runtime/watchdog.h"

#include <utility>

#include "runtime/start_thread.h"

namespace pprun {
namespace {

constexpr int kLooks = 16;

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds patience, std::function<int64_t()> progress,
                   std::function<void()> on_hang)
    : patience_(patience), progress_(std::move(progress)), on_hang_(std::move(on_hang)) {
  thread_ = StartThread([this] { Watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kEnded;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::Watch() {
  int64_t last = progress_();
  int same = 0;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, patience_ / kLooks, [&] { return state_ == State::kEnded; })) {
    // Looks are counted, not seconds: after a pause of the whole process there is one look more.
    const int64_t now = progress_();
    same = now == last ? same + 1 : 0;
    last = now;
    if (same < kLooks) continue;
    lock.unlock();
    on_hang_();
    return;
  }
}

}  // namespace pprun
