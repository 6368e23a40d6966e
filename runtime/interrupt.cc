#include "runtime/interrupt.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void SayInterrupted() {
  // In one piece; on a terminal below a progress line that stands.
  const std::string line =
      std::string(isatty(STDERR_FILENO) != 0 ? "\n" : "") +
      "pprun: interrupted: ending after this step or the next, then saving what is to be saved; "
      "again to stop at once\n";
  static_cast<void>(!write(STDERR_FILENO, line.data(), line.size()));
}

InterruptWatch::InterruptWatch(std::function<void()> on_first) : on_first_(std::move(on_first)) {
  const sigset_t set = Watched();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, &before_) == 0);
  thread_ = StartThread([this] { Watch(); });
}

InterruptWatch::~InterruptWatch() {
  ended_.store(true);
  thread_.join();
  CHECK(pthread_sigmask(SIG_SETMASK, &before_, nullptr) == 0);
}

void InterruptWatch::Watch() {
  const sigset_t set = Watched();
  // Short enough that the end is not held up.
  const timespec patience = {.tv_sec = 0, .tv_nsec = 20'000'000};
  while (!ended_.load()) {
    const int signal = sigtimedwait(&set, nullptr, &patience);
    if (signal < 0) continue;
    if (count_.load() > 0) _exit(StatusOfSignal(signal));
    // Before the count, which says that it is there.
    signal_.store(signal);
    count_.store(1);
    if (on_first_) on_first_();
  }
}

}  // namespace pprun
