#include "runtime/processes/job_cuda_backend.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "compiler/plan/base/check.h"
#include "runtime/comm/nccl.h"
#include "runtime/cuda/cuda_device.h"

namespace pprun {
namespace {

constexpr const char* kKey = "nccl";

}  // namespace

JobCudaBackend::JobCudaBackend(const Plan& plan, Job& job, CudaApi& cuda, NcclApi& nccl, int gpu,
                               Graphs graphs)
    : job_(job),
      gpu_(cuda, gpu),
      abort_watch_(job, [this](const JobFailure& failure) { gpu_.abort().Raise(failure.why); }),
      // NCCL takes the calling thread's GPU.
      world_((gpu_.MakeCurrent(), plan), nccl, gpu_.abort(),
             {.rank = job.rank(),
              .patience = job.patience(),
              .share_id = [this](const std::optional<NcclId>& own) { return Share(own); },
              .on_failure = [this](const std::string& why) { Abort(why); }}),
      world_watch_(job, [this](const JobFailure&) { world_.BeginAbort(); }),
      issuer_(plan, gpu_, std::array{job.rank()}, graphs) {}

NcclId JobCudaBackend::Share(const std::optional<NcclId>& own) {
  if (own) job_.Set(kKey, std::string(own->begin(), own->end()));
  const std::string shared = job_.Get(kKey);
  NcclId id;
  if (shared.size() != id.size()) throw std::runtime_error("rank 0 has another version of NCCL");
  std::ranges::copy(shared, id.begin());
  return id;
}

std::unique_ptr<Device> JobCudaBackend::DeviceOf(int64_t rank) {
  CHECK(rank == job_.rank());
  return std::make_unique<CudaDevice>(gpu_, rank);
}

std::unique_ptr<Communicator> JobCudaBackend::CommunicatorOf(int64_t rank) {
  CHECK(rank == job_.rank());
  return MakeNcclCommunicator(world_, rank, [this](const std::string& why) { Abort(why); });
}

std::optional<std::string> JobCudaBackend::aborted() const {
  const std::optional<JobFailure> failure = job_.failure();
  return failure ? std::optional(failure->why) : std::nullopt;
}

}  // namespace pprun
