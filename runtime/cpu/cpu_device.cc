#include "runtime/cpu/cpu_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/cpu/cpu_memory.h"

namespace pprun {

class CpuDevice::Event : public CpuEvent {
 public:
  explicit Event(CpuDevice& device) : device_(device) {
    const std::lock_guard lock(device_.mutex_);
    device_.events_.push_back(this);
    if (device_.error_) Poison();
  }
  ~Event() override {
    const std::lock_guard lock(device_.mutex_);
    std::erase(device_.events_, this);
  }

 private:
  CpuDevice& device_;
};

CpuDevice::CpuDevice(int threads) : threads_(threads) { CHECK(threads >= 1); }

CpuDevice::~CpuDevice() { CHECK(events_.empty()); }

std::unique_ptr<DeviceMemory> CpuDevice::Allocate(int64_t bytes) {
  return std::make_unique<CpuMemory>(bytes);
}

std::unique_ptr<HostMemory> CpuDevice::AllocateHost(int64_t bytes) {
  return std::make_unique<CpuHostMemory>(bytes);
}

std::unique_ptr<DeviceStream> CpuDevice::CreateStream(const std::string& name) {
  CpuFailure& failure = *this;
  return std::make_unique<CpuStream>(name, threads_, failure);
}

std::unique_ptr<DeviceEvent> CpuDevice::CreateEvent() { return std::make_unique<Event>(*this); }

void CpuDevice::Upload(std::byte* device, std::span<const std::byte> host) {
  if (!host.empty()) std::memcpy(device, host.data(), host.size());
}

void CpuDevice::Download(std::span<std::byte> host, const std::byte* device) {
  if (!host.empty()) std::memcpy(host.data(), device, host.size());
}

void CpuDevice::OnFailure(std::function<void(WorkTag, const std::exception&)> handler) {
  handler_ = std::move(handler);
}

void CpuDevice::Fail(WorkTag tag, const std::exception& error) {
  // The lock is held while the handler runs, so that nobody learns of the failure before it knows.
  const std::lock_guard lock(mutex_);
  if (error_) return;
  if (handler_) handler_(tag, error);
  error_ = std::current_exception();
  failed_.store(true, std::memory_order_release);
  for (CpuEvent* const event : events_) event->Poison();
}

void CpuDevice::Rethrow() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

}  // namespace pprun
