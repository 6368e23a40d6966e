#include "tests/gpu/supervise.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <thread>

namespace pprun::gpu {
namespace {

using Clock = std::chrono::steady_clock;

// How a child ends that leaves the rest to another one.
constexpr int kLeavesTheRest = 75;

}  // namespace

// In memory that parent and children share.
struct CheckRunner::Shared {
  std::atomic<int> started{0};  // checks, those of children before among them
  std::atomic<int> ended{0};
  std::atomic<int> failures{0};
  std::array<char, 128> name{};
};

int CheckRunner::failures() const {
  return shared_ == nullptr ? failures_ : shared_->failures.load();
}

void CheckRunner::Run(const std::string& name, const std::function<CheckEnd()>& check) {
  const int number = number_++;
  if (number < first_) return;
  if (shared_ == nullptr) {
    failures_ += check() == CheckEnd::kHolds ? 0 : 1;
    return;
  }
  std::snprintf(shared_->name.data(), shared_->name.size(), "%s", name.c_str());
  shared_->started = number + 1;
  const CheckEnd end = check();
  shared_->failures += end == CheckEnd::kHolds ? 0 : 1;
  shared_->ended = number + 1;
  std::fflush(stdout);
  // Destructors would use what is broken.
  if (end == CheckEnd::kBroken) std::_Exit(kLeavesTheRest);
}

struct Supervisor {
  const Supervision& supervision;
  const std::function<void(CheckRunner&)>& list;
  CheckRunner::Shared& shared;

  [[noreturn]] void BeChild(int first) const {
    CheckRunner runner(&shared, first);
    int status = EXIT_SUCCESS;
    try {
      list(runner);
    } catch (const std::exception& error) {
      std::printf("error: %s\n", error.what());
      status = EXIT_FAILURE;
    }
    std::fflush(stdout);
    std::_Exit(status);
  }

  // The child's status; kills it if it stays with one check for too long.
  int Await(pid_t child) const {
    int seen = shared.ended;
    Clock::time_point since = Clock::now();
    bool is_killed = false;
    int status = 0;
    while (waitpid(child, &status, is_killed ? 0 : WNOHANG) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (const int now = shared.ended; now != seen) {
        seen = now;
        since = Clock::now();
      }
      if (Clock::now() - since <= supervision.patience) continue;
      std::printf("%s: took more than %lld s\n", shared.name.data(),
                  static_cast<long long>(supervision.patience.count() / 1000));
      kill(child, SIGKILL);
      is_killed = true;
    }
    return status;
  }

  // Whether the list was run to its end.
  bool Run() const {
    for (int child_number = 0; child_number < supervision.most_children; ++child_number) {
      const int first = shared.started;
      std::fflush(stdout);
      const pid_t child = fork();
      if (child < 0) throw std::runtime_error("fork failed");
      if (child == 0) BeChild(first);
      const int status = Await(child);
      if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) return true;
      if (WIFEXITED(status) && WEXITSTATUS(status) == kLeavesTheRest) continue;
      if (shared.started == first) {
        std::printf("a child ended with status %d before any check\n", status);
        return false;
      }
      // Within a check, or between two of them.
      ++shared.failures;
      std::printf("%s: FAILED: its process was ended by %s %d\n", shared.name.data(),
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
      std::fflush(stdout);
    }
    std::printf("gave up: too many checks ended their process; the rest was not run\n");
    return false;
  }
};

int Supervise(const Supervision& supervision, const std::function<void(CheckRunner&)>& list) {
  void* const memory = mmap(nullptr, sizeof(CheckRunner::Shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("mmap failed");
  auto* const shared = new (memory) CheckRunner::Shared;
  const bool is_whole = Supervisor{supervision, list, *shared}.Run();
  const int failures = shared->failures + (is_whole ? 0 : 1);
  munmap(memory, sizeof(CheckRunner::Shared));
  return failures;
}

}  // namespace pprun::gpu
