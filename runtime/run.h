// A whole run of a proven plan, or one rank's part of it, on this machine's CPU or a GPU: data
// opened, ranks launched, steps reported, weights, metrics, trace and profile written. Tests:
// run_test.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>

#include "compiler/plan/plan.h"
#include "runtime/cuda/cuda_issuer.h"
#include "runtime/processes/job.h"
#include "runtime/progress.h"

namespace pprun {

struct RunOptions {
  enum class On : uint8_t { kCpu, kCuda } on = On::kCpu;
  int threads = 0;  // on the CPU, of each rank; 0: the cores divided by the ranks
  int gpu = 0;      // that all ranks share; of a job's, see JobCudaBackend
  Graphs graphs = Graphs::kOn;
  CudaApi* cuda = nullptr;  // null: this machine's
  std::chrono::milliseconds patience{300'000};
  std::optional<std::string> init;     // safetensors
  std::optional<std::string> save;     // safetensors
  std::optional<std::string> metrics;  // JSON lines
  std::optional<std::string> trace;    // Chrome trace events
  std::optional<std::string> profile;  // costs, as ReadProfile takes them
  // kQuiet: warnings and errors alone.
  enum class Voice : uint8_t { kNormal, kQuiet } voice = Voice::kNormal;
  Console console = Console::kPlain;
  const std::atomic<int>* interrupts = nullptr;  // more than 0: stop, save, return
  // Of which this process is one rank; null: all ranks are here. Rank 0's process alone speaks and
  // writes; `local_ranks` of the job are on this machine.
  Job* job = nullptr;
  int64_t local_ranks = 1;
};

enum class RunEnd : uint8_t { kFinished, kInterrupted };

// What fails at a place of the plan's source. what() is the whole message, as an error of the
// compiler: the place first, then the quoted line; it ends with a newline.
class PlacedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The plan must be proven. Throws std::runtime_error with one line, or PlacedError. Weights are
// saved when the run ends well, is interrupted, or ends because metrics cannot be written.
RunEnd RunPlan(const Plan& plan, const RunOptions& options, std::ostream& out, std::ostream& err);

}  // namespace pprun
