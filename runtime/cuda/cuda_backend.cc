#include "runtime/cuda/cuda_backend.h"

#include <numeric>
#include <vector>

#include "runtime/cuda/cuda_device.h"

namespace pprun {
namespace {

std::vector<int64_t> AllRanks(const Plan& plan) {
  std::vector<int64_t> ranks(static_cast<size_t>(plan.Ranks()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

}  // namespace

CudaBackend::CudaBackend(const Plan& plan, CudaApi& api, int gpu, Graphs graphs)
    : gpu_(api, gpu), hub_(gpu_), issuer_(plan, gpu_, AllRanks(plan), graphs) {}

std::unique_ptr<Device> CudaBackend::DeviceOf(int64_t rank) {
  return std::make_unique<CudaDevice>(gpu_, rank);
}

std::unique_ptr<Communicator> CudaBackend::CommunicatorOf(int64_t rank) {
  return hub_.CommunicatorOf(rank);
}

}  // namespace pprun
