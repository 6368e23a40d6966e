#include "runtime/processes/job_cuda_backend.h"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string>

#include "compiler/plan/base/check.h"
#include "runtime/comm/nccl.h"
#include "runtime/cuda/cuda_device.h"

namespace pprun {
namespace {

constexpr const char* kKey = "nccl";

std::string GpuKey(int64_t rank) { return "gpu/" + std::to_string(rank); }

}  // namespace

JobCudaBackend::JobCudaBackend(const Plan& plan, Job& job, CudaApi& cuda, NcclApi& nccl,
                               int local_rank, Graphs graphs)
    : job_(job),
      gpu_(cuda, local_rank % VisibleGpus(cuda)),
      abort_watch_(job, [this](const JobFailure& failure) { gpu_.abort().Raise(failure.why); }),
      // NCCL takes the calling thread's GPU.
      world_((gpu_.MakeCurrent(), TellGpu(cuda), plan), nccl, gpu_.abort(),
             {.rank = job.rank(),
              .patience = job.patience(),
              .share_id = [this](const std::optional<NcclId>& own) { return Share(own); },
              .on_failure = [this](const std::string& why) { Abort(why); }}),
      world_watch_(job, [this](const JobFailure&) { world_.BeginAbort(); }),
      issuer_(plan, gpu_, std::array{job.rank()}, graphs) {}

void JobCudaBackend::TellGpu(CudaApi& cuda) {
  std::string uuid;
  cuda.Check(cuda.GetDeviceUuid(&uuid, gpu_.number()), "cudaGetDeviceProperties");
  const int32_t visible = VisibleGpus(cuda);
  job_.Set(GpuKey(job_.rank()),
           BodyWriter().PutText(uuid).PutText(job_.host()).Put(visible).Take());
}

void JobCudaBackend::CheckGpus() {
  std::map<std::string, int64_t> rank_of;
  for (int64_t rank = 0; rank < job_.ranks(); ++rank) {
    const std::string value = job_.Get(GpuKey(rank));
    BodyReader body(value);
    const auto [first, added] = rank_of.try_emplace(body.GetText(), rank);
    const std::string host = body.GetText();
    const auto visible = body.Get<int32_t>();
    if (added) continue;
    throw std::runtime_error("ranks " + std::to_string(first->second) + " and " +
                             std::to_string(rank) + " have the same GPU, one of " +
                             std::to_string(visible) + " that a rank sees on " + host +
                             "; as processes each rank needs its own");
  }
}

NcclId JobCudaBackend::Share(const std::optional<NcclId>& own) {
  if (own) {
    CheckGpus();
    job_.Set(kKey, std::string(own->begin(), own->end()));
  }
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
