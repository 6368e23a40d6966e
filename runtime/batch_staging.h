// The host's copies of one rank's share of a batch: filled before a program runs, read by its
// loads.
//
// Microbatch i of m is the samples [i * batch / m, (i + 1) * batch / m) of the batch; the
// data-parallel replicas take contiguous slices of it, in rank order. So a sample goes the same way
// through every mesh. Tests: batch_staging_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "compiler/plan/plan.h"
#include "runtime/data.h"
#include "runtime/device.h"

namespace pprun {

// Which samples of the batch a rank works on.
struct BatchShare {
  int64_t samples = 0;     // of each microbatch
  int64_t first = 0;       // within a microbatch
  int64_t microbatch = 0;  // samples of a whole one

  // Index within the batch of this rank's first sample of the microbatch.
  int64_t FirstSample(MicrobatchId id) const { return id.value * microbatch + first; }
};
BatchShare ShareOf(const Plan& plan, int64_t rank);

class BatchStaging {
 public:
  // The device outlives the staging.
  BatchStaging(const Plan& plan, int64_t rank, Device& device);

  const BatchShare& share() const { return share_; }

  // Where Fill will put it: i32[samples, sequence]. Stays where it is.
  const int32_t* Reserve(Load::What what, MicrobatchId microbatch);

  // Fills what was reserved with samples [run * batch, (run + 1) * batch) of the data.
  void Fill(const DataSet& data, int64_t run);

 private:
  // i32[samples, sequence] each.
  struct Microbatch {
    std::unique_ptr<HostMemory> tokens;
    std::unique_ptr<HostMemory> targets;
  };

  const int64_t batch_;
  const size_t sequence_;
  const BatchShare share_;
  Device& device_;
  std::map<MicrobatchId, Microbatch> microbatches_;
};

}  // namespace pprun
