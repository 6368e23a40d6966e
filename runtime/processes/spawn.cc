#include "runtime/processes/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/plan/base/system_error.h"
#include "runtime/processes/socket.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

struct Process {
  pid_t id = -1;
  std::optional<int> status;  // once it has ended
};

// SIGINT, SIGTERM and SIGCHLD wait for whoever asks, while it lives.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  // 0 if none comes.
  int Next(milliseconds patience) const {
    const timespec time = {.tv_sec = 0, .tv_nsec = patience.count() * 1'000'000};
    const int signal = sigtimedwait(&set_, nullptr, &time);
    return signal > 0 ? signal : 0;
  }

 private:
  sigset_t set_ = {};
  sigset_t before_ = {};
};

class Processes {
 public:
  explicit Processes(const SpawnOptions& options)
      : options_(options), ranks_(static_cast<size_t>(options.ranks)) {}
  // Only after an error are any left.
  ~Processes() {
    Signal(SIGKILL);
    for (Process& process : ranks_) {
      if (process.id >= 0 && !process.status) waitpid(process.id, nullptr, 0);
    }
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  void Start() {
    const Descriptor listener = ListenOn({"127.0.0.1", 0});
    const std::string rendezvous = ToText(EndpointOf(listener));
    const pid_t parent = getpid();
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      std::vector<std::string> variables = {
          "PPRUN_RANK=" + std::to_string(rank), "PPRUN_RANKS=" + std::to_string(ranks_.size()),
          "PPRUN_JOB=" + rendezvous, "PPRUN_RENDEZVOUS=" + rendezvous,
          "PPRUN_PLAN=" + std::to_string(options_.plan)};
      const int inherited = rank == 0 ? listener.number() : -1;
      if (inherited >= 0) variables.push_back("PPRUN_LISTENER=" + std::to_string(inherited));
      std::vector<char*> environment;
      for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
      for (std::string& variable : variables) environment.push_back(variable.data());
      environment.push_back(nullptr);
      const pid_t id = fork();
      if (id < 0) throw std::runtime_error("cannot start a process: " + ErrorText(errno));
      if (id == 0) BecomeRank(parent, inherited, environment.data());
      ranks_[rank].id = id;
    }
  }

  int Wait(const HeldSignals& signals) {
    int interrupts = 0;
    std::optional<std::chrono::steady_clock::time_point> end;
    while (Reap() > 0) {
      if (!end && (failed_ || interrupts > 1)) end = After(options_.grace);
      if (end && std::chrono::steady_clock::now() >= *end) Signal(SIGKILL);
      const int signal = signals.Next(milliseconds(200));
      if (signal != SIGINT && signal != SIGTERM) continue;
      ++interrupts;
      Signal(signal);
    }
    return failed_.value_or(0);
  }

 private:
  // In the new process: nothing that allocates before the program starts anew.
  [[noreturn]] void BecomeRank(pid_t parent, int inherited, char** environment) const {
    // A rank does not outlive whoever started it, and the terminal's signals come through there.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    setpgid(0, 0);
    for (const int kept : {inherited, options_.plan}) {
      if (kept >= 0) fcntl(kept, F_SETFD, 0);
    }
    execve("/proc/self/exe", options_.arguments, environment);
    constexpr char kText[] = "pprun: error: cannot start /proc/self/exe again\n";
    static_cast<void>(!write(STDERR_FILENO, kText, sizeof(kText) - 1));
    _exit(1);
  }

  void Signal(int signal) {
    for (const Process& process : ranks_) {
      if (process.id >= 0 && !process.status) kill(process.id, signal);
    }
  }

  // How many are left. Whom a signal ended comes first: the others may have ended for want of it,
  // and been found in the same pass.
  size_t Reap() {
    size_t left = 0;
    int failure = 0;
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      Process& process = ranks_[rank];
      if (process.status) continue;
      int status = 0;
      if (waitpid(process.id, &status, WNOHANG) != process.id) {
        ++left;
        continue;
      }
      process.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      if (WIFSIGNALED(status) && !failed_) {
        failed_ = process.status;
        const char* const name = sigabbrev_np(WTERMSIG(status));
        std::cerr << "pprun: error: rank " << rank << " was ended by "
                  << (name != nullptr ? "SIG" + std::string(name)
                                      : "signal " + std::to_string(WTERMSIG(status)))
                  << std::endl;
      }
      if (failure == 0) failure = *process.status;
    }
    if (failure != 0 && !failed_) failed_ = failure;
    return left;
  }

  const SpawnOptions& options_;
  std::vector<Process> ranks_;
  std::optional<int> failed_;
};

}  // namespace

int RunProcesses(const SpawnOptions& options) {
  const HeldSignals signals;
  Processes processes(options);
  processes.Start();
  return processes.Wait(signals);
}

int MakeMemoryFile(const char* name, const void* bytes, int64_t size) {
  Descriptor file(memfd_create(name, MFD_CLOEXEC));
  if (!file.open()) throw std::runtime_error("cannot make a file in memory: " + ErrorText(errno));
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = write(file.number(), at, static_cast<size_t>(size));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      throw std::runtime_error("cannot write a file in memory: " + ErrorText(errno));
    }
    at += written;
    size -= written;
  }
  return file.Release();
}

}  // namespace pprun
