// Event of the CPU device: a number that grows with every record, so that it serves run after run
// without being reset.
//
// The issuing thread numbers the records; a wait names the number of the record issued last before
// it. A device that fails poisons its events, and every wait, present or to come, returns at once.
// Tests: device_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/device.h"

namespace pprun {

class CpuEvent : public DeviceEvent {
 public:
  enum class Waited : uint8_t { kRecorded, kPoisoned };

  // Issuing thread.
  uint32_t NextRecord() { return issued_ = (issued_ + 1) & kNumber; }
  uint32_t LastRecord() const { return issued_; }

  // Workers.
  void Reach(uint32_t record);
  Waited Await(uint32_t record) const;

  void Poison();

 private:
  static constexpr uint32_t kPoisonBit = 0x80000000;
  static constexpr uint32_t kNumber = ~kPoisonBit;

  uint32_t issued_ = 0;
  std::atomic<uint32_t> reached_{0};
};

}  // namespace pprun
