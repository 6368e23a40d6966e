// The ranks of a plan that this process has, each a thread: all of them, or one where a job has a
// process a rank. What joins them, what watches over them, and how one rank's failure becomes
// everyone's end. Tests: launch_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/backend.h"
#include "runtime/control.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/data.h"
#include "runtime/executor.h"
#include "runtime/processes/job.h"

namespace pprun {

// Cores that this process may use.
int AvailableCores();

// The cores divided by the ranks, at least one.
int ThreadsPerRank(int64_t ranks, int cores);

// "32 ranks share 2 cores, so every step will be slow"; empty up to two ranks a core.
std::optional<std::string> CrowdingWarning(int64_t ranks, int cores);

struct LaunchOptions {
  std::chrono::milliseconds patience{300'000};  // without any progress; then the run ends
  // Given the report of a hang: per rank the instruction at the head of each stream.
  std::function<void(const std::string&)> on_hang;
  // Of which this process is one rank; outlives the ranks. Null: all ranks are here.
  Job* job = nullptr;
};

// What a rank's thread works with.
struct Rank {
  Executor& executor;
  Control& control;
};

class LocalRanks {
 public:
  // Prepares the ranks that are here. Plan and data outlive it; a program whose data set is null is
  // not run. Throws std::runtime_error.
  LocalRanks(const Plan& plan, std::unique_ptr<Backend> backend, const LaunchOptions& options,
             const DataSet* training, const DataSet* validation);

  // Runs `body` on a thread of each rank and returns when all are done. What one throws ends all;
  // the first failure is thrown, as std::runtime_error. After a failure only destruction is left.
  void Run(const std::function<void(Rank)>& body);

  // Between runs. By index among the ranks that are here, which is the rank where all are.
  Executor& executor(int64_t index) { return *ranks_[static_cast<size_t>(index)].executor; }
  int64_t size() const { return static_cast<int64_t>(ranks_.size()); }

 private:
  struct Member {
    int64_t rank = 0;
    std::unique_ptr<Device> device;
    std::unique_ptr<Communicator> communicator;
    std::unique_ptr<Control> control;
    std::unique_ptr<Executor> executor;  // destroyed first
  };

  void OnThreads(const std::function<void(size_t)>& body);
  void Abort(const std::string& why);
  int64_t Progress() const;
  void OnHang();
  std::string HangReport() const;

  const LaunchOptions options_;
  const std::unique_ptr<Backend> backend_;
  const std::unique_ptr<Controls> controls_;
  std::vector<Member> ranks_;
};

}  // namespace pprun
