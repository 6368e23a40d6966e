// Offsets for blocks of memory with lifetimes, such that blocks alive at the same time share no
// byte. Largest first, each at the lowest offset that is free: near the optimum for the few dozen
// values of a layer, in time quadratic in their number. Tests: assign_buffers_test.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace pprun {

inline constexpr int64_t kBufferAlignment = 64;

constexpr int64_t AlignedBytes(int64_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

// Alive in [first, last], both included: a block written by an operation shares nothing with what
// the same operation reads.
struct MemoryBlock {
  int64_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
  int64_t offset = 0;  // the result, a multiple of kBufferAlignment
};

// Sets the offsets and returns the bytes that all blocks together need.
int64_t PlaceByLifetime(std::vector<MemoryBlock>& blocks);

}  // namespace pprun
