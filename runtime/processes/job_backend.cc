#include "runtime/processes/job_backend.h"

#include "compiler/plan/base/check.h"
#include "runtime/comm/socket.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/cpu/cpu_device.h"

namespace pprun {

JobCpuBackend::JobCpuBackend(Job& job, int threads)
    : job_(job), threads_(threads), issuer_(job.ranks()) {
  CheckThreads(threads);
}

std::unique_ptr<Device> JobCpuBackend::DeviceOf(int64_t rank) {
  CHECK(rank == job_.rank());
  return std::make_unique<CpuDevice>(threads_);
}

std::unique_ptr<Communicator> JobCpuBackend::CommunicatorOf(int64_t rank) {
  CHECK(rank == job_.rank());
  return MakeSocketCommunicator(job_);
}

std::optional<std::string> JobCpuBackend::aborted() const {
  const std::optional<JobFailure> failure = job_.failure();
  return failure ? std::optional(failure->why) : std::nullopt;
}

}  // namespace pprun
