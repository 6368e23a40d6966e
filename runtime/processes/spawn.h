// Starts the ranks of a plan as processes of this machine, each this program again with variables
// that say which rank it is, and waits for them. Signals are passed on; when one rank fails, the
// others end by themselves (Job) or are ended; nothing is left behind, even if this process is
// killed. Tests: golden/run/processes*.sched.
#pragma once

#include <chrono>
#include <cstdint>

namespace pprun {

struct SpawnOptions {
  int64_t ranks = 1;
  char** arguments = nullptr;  // as of main, the program's name first
  int plan = -1;               // a descriptor of the compiled plan
  // Between the first rank's failure, or the second signal, and the end of those that are left.
  std::chrono::milliseconds grace{40'000};
};

// Returns the exit status: that of the rank that failed first, 128 and the signal if one ended it.
// Throws std::runtime_error if they cannot be started.
int RunProcesses(const SpawnOptions& options);

// A descriptor of a file in memory with these bytes.
int MakeMemoryFile(const char* name, const void* bytes, int64_t size);

}  // namespace pprun
