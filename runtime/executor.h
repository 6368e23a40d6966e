// The executor: runs one rank's programs of a proven plan.
//
// Everything is prepared in the constructor: arenas, tensors, calls, meetings, events, the host's
// copies of the batch. Running a program is the issuer's: it only issues, and starts and ends with
// the rank's streams joined. What changes from step to step (tokens, step number, learning rate)
// enters through small buffers that are written between runs. Trusts the plan: verify/ has proven
// it. Tests: executor_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "runtime/batch_staging.h"
#include "runtime/communicator.h"
#include "runtime/data.h"
#include "runtime/device.h"
#include "runtime/issuer.h"
#include "runtime/prepare.h"
#include "runtime/rank_memory.h"

namespace pprun {

// What one rank knows of a step that it has run.
struct StepResult {
  // Of this rank's samples, a share of the batch's mean; empty except where the loss is.
  std::optional<double> loss;
  std::optional<double> gradient_norm;  // before clipping, if gradients are clipped
};

// What a stream is at, for the report of a hang.
struct StreamHead {
  std::string stream;
  std::string instruction;  // "send frame[0].out ... ; 1f1b.sched:4"; empty if idle
};

class Executor {
 public:
  // All of them outlive the executor. A program whose data set is null is not run.
  Executor(const Plan& plan, int64_t rank, Device& device, Communicator& communicator,
           Issuer& issuer, const DataSet* training, const DataSet* validation);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Each throws what went wrong, naming rank and instruction; AbortedError if another rank failed.
  // After that nothing more is run.
  void Initialise();
  StepResult RunStep(int64_t step, float learning_rate);
  // On samples [repeat * batch, (repeat + 1) * batch); the loss as in StepResult.
  std::optional<double> RunValidation(int64_t repeat);

  // Parameters that this rank holds, between runs. What functions read rounded is set too.
  bool Holds(ParameterId parameter) const;
  void SetParameter(ParameterId parameter, std::span<const float> value);
  void GetParameter(ParameterId parameter, std::span<std::byte> value);

  int64_t rank() const { return rank_; }
  int64_t ArenaBytes() const { return memory_.Bytes(); }
  int64_t TouchedBytes() const { return memory_.TouchedBytes(); }

  // Traces all that runs from one to the other, with room for that many steps; the next step is
  // `first_step`. Seconds are those of the devices' common clock.
  void StartTrace(int64_t first_step, int64_t steps);
  std::vector<TraceEvent> StopTrace();

  // From any thread.
  int64_t Progress() const;
  std::vector<StreamHead> Heads() const;

 private:
  void Run(ProgramKind program);
  void WriteState(const kernels::StepState& state);
  std::optional<double> ReadLoss();
  void Read(std::span<std::byte> host, BufferId buffer, size_t offset);
  std::string Describe(WorkTag tag) const;

  const Plan& plan_;
  const int64_t rank_;
  const PositionId position_id_;
  const Position& position_;
  Device& device_;
  Issuer& issuer_;
  RankMemory memory_;
  BatchStaging staging_;
  const std::vector<BufferId> parameters_;            // by ParameterId; not valid() where not held
  const std::vector<std::vector<BufferId>> rounded_;  // by ParameterId: copies in bf16
  const DataSet* const training_;
  const DataSet* const validation_;
  int64_t traced_from_ = 0;
  // What failed, in words; written by the failing thread before Synchronise throws.
  std::string failure_;
  std::array<PreparedProgram, kProgramCount> programs_;
  // By StreamId. Destroyed first: what they were issued is then done.
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

}  // namespace pprun
