// The CUDA device and its local communicator on a real GPU: both conformance suites. Skipped, with
// the reason, where there is none.
#include <deque>
#include <optional>
#include <string>

#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/cuda_local.h"
#include "tests/conformance/communicator_conformance.h"
#include "tests/conformance/device_conformance.h"

namespace pprun {
namespace {

// The whole program skips, since a suite cannot be made without a GPU.
std::optional<std::string> WhyThereIsNoGpu() {
  try {
    const auto cuda = OpenCuda();
    const CudaGpu gpu(*cuda, 0);
    return std::nullopt;
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

struct Gpu {
  std::unique_ptr<CudaApi> api = OpenCuda();
  CudaGpu gpu{*api, 0};
};

class DeviceAlone : private Gpu, public CudaDevice {
 public:
  DeviceAlone() : CudaDevice(Gpu::gpu, 0) {}
};

class GpuWorld : public World {
 public:
  explicit GpuWorld(int64_t ranks) : hub_(gpu_.gpu) {
    for (int64_t rank = 0; rank < ranks; ++rank) {
      devices_.emplace_back(gpu_.gpu, rank);
      communicators_.push_back(hub_.CommunicatorOf(rank));
    }
  }
  Device& device(int64_t rank) override { return devices_[static_cast<size_t>(rank)]; }
  Communicator& communicator(int64_t rank) override {
    return *communicators_[static_cast<size_t>(rank)];
  }

 private:
  Gpu gpu_;
  CudaLocalHub hub_;
  std::deque<CudaDevice> devices_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
};

INSTANTIATE_TEST_SUITE_P(Gpu, DeviceConformance,
                         testing::Values(DeviceCase{
                             "cuda", [] { return std::make_unique<DeviceAlone>(); }}),
                         [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(Gpu, CommunicatorConformance,
                         testing::Values(WorldCase{
                             "cuda",
                             [](int64_t ranks) { return std::make_unique<GpuWorld>(ranks); },
                             MeetingOrder::kTogether}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace pprun

int main(int argument_count, char** arguments) {
  testing::InitGoogleTest(&argument_count, arguments);
  if (const auto why = pprun::WhyThereIsNoGpu()) {
    std::printf("skipped: %s\n", why->c_str());
    return 77;
  }
  return RUN_ALL_TESTS();
}
