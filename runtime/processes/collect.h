// What rank 0 collects from the other processes of a job after the last step: what they saw, and
// the parameters that it does not hold. Each gives over a connection of its own, so large weights
// wait for nobody's memory. Tests: golden/run/processes.sched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "compiler/plan/trace.h"
#include "runtime/processes/job.h"

namespace pprun {

// What one process saw of the run.
struct ProcessSummary {
  int64_t arena_bytes = 0;
  int64_t touched_bytes = 0;
  int64_t resident_bytes = 0;
  std::vector<TraceEvent> trace;  // on the clock of whoever reads
};

// On rank 0. All throw AbortedError if the job fails, std::runtime_error if a wait is too long.
class Collector {
 public:
  // Returns when all others have given their summaries.
  explicit Collector(Job& job);

  // By rank; that of rank 0 is empty.
  std::vector<ProcessSummary>& summaries() { return summaries_; }
  // A parameter's bytes from a rank that holds it.
  void Fetch(int64_t rank, ParameterId parameter, std::span<std::byte> value);
  // Lets the others go.
  void Finish();

 private:
  void Admit(Descriptor connection);

  Job& job_;
  Job::Listener listener_;
  std::vector<Descriptor> connections_;  // by rank
  std::vector<ProcessSummary> summaries_;
};

// On the other ranks: gives the summary, then each parameter that rank 0 asks for, until it has
// all. `give` returns a parameter's bytes.
void GiveToRankZero(Job& job, const ProcessSummary& summary,
                    const std::function<std::vector<std::byte>(ParameterId)>& give);

}  // namespace pprun
