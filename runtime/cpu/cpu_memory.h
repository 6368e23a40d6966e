// Memory of the CPU device: whole pages, mapped when allocated and backed by physical memory when
// first touched, so that what a run really uses can be told. Aligned to a page. In debug and
// sanitizer builds every byte starts as 0xff: a NaN in every floating-point type. Tests:
// device_test.cc.
#pragma once

#include <vector>

#include "runtime/device.h"

namespace pprun {

class CpuMemory : public DeviceMemory {
 public:
  // Throws std::runtime_error if there is not so much memory.
  explicit CpuMemory(int64_t bytes);
  ~CpuMemory() override;
  CpuMemory(const CpuMemory&) = delete;
  CpuMemory& operator=(const CpuMemory&) = delete;

  std::byte* data() override { return data_; }
  int64_t bytes() const override { return bytes_; }
  int64_t TouchedBytes() const override;

 private:
  std::byte* data_ = nullptr;  // null if there are no bytes
  int64_t bytes_ = 0;
};

// All memory of the host is the CPU device's own.
class CpuHostMemory : public HostMemory {
 public:
  explicit CpuHostMemory(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {}

  std::byte* data() override { return bytes_.data(); }
  int64_t bytes() const override { return static_cast<int64_t>(bytes_.size()); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace pprun
