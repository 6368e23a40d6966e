#include "runtime/cpu/cpu_backend.h"

#include <stdexcept>

#include "runtime/cpu/cpu_device.h"

namespace pprun {

void CheckThreads(int threads) {
  if (threads <= kMostThreads) return;
  throw std::runtime_error("a rank has at most " + std::to_string(kMostThreads) + " threads, not " +
                           std::to_string(threads));
}

CpuBackend::CpuBackend(int64_t ranks, int threads)
    : threads_(threads), hub_(ranks), issuer_(ranks) {
  CheckThreads(threads);
}

std::unique_ptr<Device> CpuBackend::DeviceOf(int64_t) {
  return std::make_unique<CpuDevice>(threads_);
}

std::unique_ptr<Communicator> CpuBackend::CommunicatorOf(int64_t rank) {
  return hub_.CommunicatorOf(rank);
}

std::optional<std::string> CpuBackend::aborted() const {
  if (!hub_.aborted()) return std::nullopt;
  return hub_.why();
}

}  // namespace pprun
