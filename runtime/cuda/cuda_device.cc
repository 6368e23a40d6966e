#include "runtime/cuda/cuda_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/cuda/cuda_stream.h"

namespace pprun {
namespace {

// Pinned memory that uploads and downloads go through, a piece at a time.
constexpr size_t kBounceBytes = 1 << 20;

// As CpuMemory: a NaN in every floating-point type.
#if !defined(NDEBUG)
constexpr bool kPoison = true;
#else
constexpr bool kPoison = false;
#endif

class Memory : public DeviceMemory {
 public:
  Memory(CudaApi& api, int64_t bytes) : memory_(MakeCudaMemory(api, bytes)), bytes_(bytes) {}
  std::byte* data() override { return static_cast<std::byte*>(memory_.get()); }
  int64_t bytes() const override { return bytes_; }
  // The GPU backs memory when it is allocated.
  int64_t TouchedBytes() const override { return bytes_; }

 private:
  OwnedCudaMemory memory_;
  int64_t bytes_;
};

class PinnedMemory : public HostMemory {
 public:
  PinnedMemory(CudaApi& api, int64_t bytes)
      : memory_(MakePinnedMemory(api, bytes)), bytes_(bytes) {}
  std::byte* data() override { return static_cast<std::byte*>(memory_.get()); }
  int64_t bytes() const override { return bytes_; }

 private:
  OwnedPinnedMemory memory_;
  int64_t bytes_;
};

}  // namespace

CudaDevice::CudaDevice(CudaGpu& gpu, int64_t rank) : gpu_(gpu), rank_(rank) {
  gpu.MakeCurrent();
  transfer_stream_ = MakeCudaStream(gpu.api());
  bounce_ = MakePinnedMemory(gpu.api(), kBounceBytes);
}

CudaDevice::~CudaDevice() {
  // An abort may have left a copy of the pinned memory under way.
  gpu_.Drain(transfer_stream_.get());
}

std::unique_ptr<DeviceMemory> CudaDevice::Allocate(int64_t bytes) {
  CHECK(bytes >= 0);
  gpu_.MakeCurrent();
  auto memory = std::make_unique<Memory>(gpu_.api(), bytes);
  if (kPoison && bytes > 0) {
    gpu_.api().Check(gpu_.api().MemsetAsync(memory->data(), 0xff, static_cast<size_t>(bytes),
                                            transfer_stream_.get()),
                     "cudaMemsetAsync");
    gpu_.Await(transfer_stream_.get());
  }
  return memory;
}

std::unique_ptr<HostMemory> CudaDevice::AllocateHost(int64_t bytes) {
  CHECK(bytes >= 0);
  gpu_.MakeCurrent();
  return std::make_unique<PinnedMemory>(gpu_.api(), bytes);
}

std::unique_ptr<DeviceStream> CudaDevice::CreateStream(const std::string& name) {
  gpu_.MakeCurrent();
  return std::make_unique<CudaStream>(*this, name);
}

std::unique_ptr<DeviceEvent> CudaDevice::CreateEvent() {
  gpu_.MakeCurrent();
  return std::make_unique<CudaEvent>(gpu_.api());
}

void CudaDevice::Upload(std::byte* device, std::span<const std::byte> host) {
  for (size_t at = 0; at < host.size(); at += kBounceBytes) {
    const auto piece = host.subspan(at, std::min(kBounceBytes, host.size() - at));
    std::memcpy(bounce_.get(), piece.data(), piece.size());
    Transfer(device + at, bounce_.get(), piece.size(), CudaCopy::kHostToDevice);
  }
}

void CudaDevice::Download(std::span<std::byte> host, const std::byte* device) {
  for (size_t at = 0; at < host.size(); at += kBounceBytes) {
    const auto piece = host.subspan(at, std::min(kBounceBytes, host.size() - at));
    Transfer(bounce_.get(), device + at, piece.size(), CudaCopy::kDeviceToHost);
    std::memcpy(piece.data(), bounce_.get(), piece.size());
  }
}

void CudaDevice::Transfer(void* to, const void* from, size_t bytes, CudaCopy direction) {
  gpu_.MakeCurrent();
  gpu_.api().Check(gpu_.api().MemcpyAsync(to, from, bytes, direction, transfer_stream_.get()),
                   "cudaMemcpyAsync");
  gpu_.Await(transfer_stream_.get());
}

void CudaDevice::OnFailure(std::function<void(WorkTag, const std::exception&)> handler) {
  handler_ = std::move(handler);
}

void CudaDevice::Fail(WorkTag tag, const std::exception& error) {
  // The lock is held while the handler runs, so that nobody learns of the failure before it knows.
  const std::lock_guard lock(mutex_);
  if (error_) return;
  if (handler_) handler_(tag, error);
  error_ = std::current_exception();
  gpu_.abort().Raise(error.what());
}

void CudaDevice::ThrowFailure() {
  {
    const std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }
  gpu_.abort().ThrowIfRaised();
}

}  // namespace pprun
