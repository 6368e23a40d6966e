#include "runtime/interrupt.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "compiler/plan/base/check.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

constexpr int kInterruptedStatus = 130;

sigset_t InterruptOnly() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

InterruptWatch::InterruptWatch() {
  const sigset_t set = InterruptOnly();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, &before_) == 0);
  thread_ = StartThread([this] { Watch(); });
}

InterruptWatch::~InterruptWatch() {
  ended_.store(true);
  thread_.join();
  CHECK(pthread_sigmask(SIG_SETMASK, &before_, nullptr) == 0);
}

void InterruptWatch::Watch() {
  const sigset_t set = InterruptOnly();
  // Short enough that the end is not held up.
  const timespec patience = {.tv_sec = 0, .tv_nsec = 20'000'000};
  while (!ended_.load()) {
    if (sigtimedwait(&set, nullptr, &patience) != SIGINT) continue;
    if (count_.fetch_add(1) > 0) _exit(kInterruptedStatus);
  }
}

}  // namespace pprun
