// A GPU under one rank in a process of its own: CUDA's device, streams and graphs, NCCL between the
// ranks. When the job fails, waits end and NCCL's kernels are aborted. Tests: nccl_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "compiler/plan/plan.h"
#include "runtime/backend.h"
#include "runtime/comm/nccl_world.h"
#include "runtime/cuda/cuda_gpu.h"
#include "runtime/cuda/cuda_issuer.h"
#include "runtime/processes/job.h"

namespace pprun {

class JobCudaBackend : public Backend {
 public:
  // On the GPU of the rank that is the `local_rank`th of this machine: that number, or, where each
  // process sees fewer GPUs since its launcher has given it its own, that number modulo theirs. All
  // but the plan outlive the backend. Returns when NCCL has joined all ranks; throws
  // std::runtime_error, also where two ranks have one GPU.
  JobCudaBackend(const Plan& plan, Job& job, CudaApi& cuda, NcclApi& nccl, int local_rank,
                 Graphs graphs);

  std::unique_ptr<Device> DeviceOf(int64_t rank) override;
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank) override;
  Issuer& issuer() override { return issuer_; }
  void Abort(const std::string& why) override { job_.Fail({.why = why}); }
  std::optional<std::string> aborted() const override;

 private:
  NcclId Share(const std::optional<NcclId>& own);
  void TellGpu(CudaApi& cuda);
  // By rank 0: that no other rank has the GPU of one.
  void CheckGpus();

  Job& job_;
  CudaGpu gpu_;
  // Ends waits, those for NCCL to be made included.
  const Job::Watch abort_watch_;
  NcclWorld world_;
  const Job::Watch world_watch_;
  CudaIssuer issuer_;
};

}  // namespace pprun
