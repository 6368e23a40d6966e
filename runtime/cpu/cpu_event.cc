#include "runtime/cpu/cpu_event.h"

#include "runtime/cpu/spin.h"

namespace pprun {

void CpuEvent::Reach(uint32_t record) {
  uint32_t current = reached_.load(std::memory_order_relaxed);
  do {
    if ((current & kPoisonBit) != 0) return;
  } while (!reached_.compare_exchange_weak(current, record, std::memory_order_seq_cst));
  reached_.notify_all();
}

CpuEvent::Waited CpuEvent::Await(uint32_t record) const {
  const auto behind = [record](uint32_t reached) {
    // Numbers wrap around: half of them are behind any other.
    return ((reached - record) & kNumber) > kNumber / 2;
  };
  SpinUntil([&] { return !behind(reached_.load(std::memory_order_acquire) & kNumber); });
  for (;;) {
    const uint32_t current = reached_.load(std::memory_order_seq_cst);
    if ((current & kPoisonBit) != 0) return Waited::kPoisoned;
    if (!behind(current)) return Waited::kRecorded;
    reached_.wait(current, std::memory_order_seq_cst);
  }
}

void CpuEvent::Poison() {
  reached_.fetch_or(kPoisonBit, std::memory_order_seq_cst);
  reached_.notify_all();
}

}  // namespace pprun
