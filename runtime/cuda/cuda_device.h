// A GPU as one rank's device: memory in one allocation an arena, streams and events, pinned memory
// to copy from. Ranks that share a GPU have one of these each.
//
// Calls that fail are reported as device.h says: to the handler with the work they belong to, then
// by the streams' Synchronise; the GPU's other ranks end with AbortedError. Tests:
// cuda_device_test.cc, gpu_conformance_test.cc.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "runtime/cuda/cuda_gpu.h"
#include "runtime/cuda/cuda_handles.h"
#include "runtime/device.h"

namespace pprun {

class CudaEvent : public DeviceEvent {
 public:
  explicit CudaEvent(CudaApi& api) : event_(MakeCudaEvent(api, CudaEventKind::kOrder)) {}
  CudaEventHandle handle() const { return event_.get(); }

 private:
  OwnedCudaEvent event_;
};

// Outlives its memory, streams and events.
class CudaDevice : public Device {
 public:
  // The GPU outlives the device.
  CudaDevice(CudaGpu& gpu, int64_t rank);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  std::unique_ptr<DeviceMemory> Allocate(int64_t bytes) override;
  std::unique_ptr<HostMemory> AllocateHost(int64_t bytes) override;
  std::unique_ptr<DeviceStream> CreateStream(const std::string& name) override;
  std::unique_ptr<DeviceEvent> CreateEvent() override;
  void Upload(std::byte* device, std::span<const std::byte> host) override;
  void Download(std::span<std::byte> host, const std::byte* device) override;
  void OnFailure(std::function<void(WorkTag, const std::exception&)> handler) override;

  CudaGpu& gpu() { return gpu_; }
  int64_t rank() const { return rank_; }

  // Once any rank of the GPU has failed, what is issued is dropped.
  bool Dropping() { return gpu_.abort().raised(); }
  // The first call counts; called from within the handler of the exception.
  void Fail(WorkTag tag, const std::exception& error);
  // Throws what failed here, or AbortedError if another rank has failed.
  void ThrowFailure();

 private:
  void Transfer(void* to, const void* from, size_t bytes, CudaCopy direction);

  CudaGpu& gpu_;
  const int64_t rank_;
  std::function<void(WorkTag, const std::exception&)> handler_;
  std::mutex mutex_;
  std::exception_ptr error_;
  // Of Upload and Download, which come from the rank's thread one at a time.
  OwnedCudaStream transfer_stream_;
  OwnedPinnedMemory bounce_;
};

}  // namespace pprun
