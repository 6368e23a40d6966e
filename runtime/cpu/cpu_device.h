// The CPU as a device: one rank's share of the machine. Arenas are pages of the process, a stream
// is a worker thread. Every operation is done when its call returns on the worker. Tests:
// device_test.cc.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/cpu/cpu_event.h"
#include "runtime/cpu/cpu_stream.h"
#include "runtime/device.h"

namespace pprun {

// Outlives its streams and events.
class CpuDevice : public Device, private CpuFailure {
 public:
  // Each stream's kernels use that many threads.
  explicit CpuDevice(int threads);
  ~CpuDevice() override;

  std::unique_ptr<DeviceMemory> Allocate(int64_t bytes) override;
  std::unique_ptr<HostMemory> AllocateHost(int64_t bytes) override;
  std::unique_ptr<DeviceStream> CreateStream(const std::string& name) override;
  std::unique_ptr<DeviceEvent> CreateEvent() override;
  void Upload(std::byte* device, std::span<const std::byte> host) override;
  void Download(std::span<std::byte> host, const std::byte* device) override;
  void OnFailure(std::function<void(WorkTag, const std::exception&)> handler) override;

 private:
  // Takes part in the device's failure.
  class Event;

  bool HasFailed() const override { return failed_.load(std::memory_order_acquire); }
  void Fail(WorkTag tag, const std::exception& error) override;
  void Rethrow() override;

  int threads_;
  std::function<void(WorkTag, const std::exception&)> handler_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::vector<CpuEvent*> events_;
  std::exception_ptr error_;
};

}  // namespace pprun
