#include "runtime/window_order.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/base/check.h"
#include "kernels/random.h"

namespace pprun {
namespace {

constexpr uint32_t kRounds = 8;

// A permutation of 0 .. 2^(2 * half_bits).
uint64_t Feistel(uint64_t key, int half_bits, uint64_t value) {
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  uint64_t left = value >> half_bits;
  uint64_t right = value & mask;
  for (uint32_t round = 0; round < kRounds; ++round) {
    const uint32_t word =
        kernels::Philox4x32({{static_cast<uint32_t>(right), round, 0, 0}}, key).word[0];
    const uint64_t mixed = left ^ (word & mask);
    left = right;
    right = mixed;
  }
  return left << half_bits | right;
}

}  // namespace

int64_t PermutedIndex(uint64_t key, int64_t count, int64_t index) {
  CHECK(index >= 0 && index < count);
  const int half_bits =
      std::max(1, static_cast<int>(std::bit_width(static_cast<uint64_t>(count - 1)) + 1) / 2);
  CHECK(half_bits <= 31);
  uint64_t value = static_cast<uint64_t>(index);
  do {
    value = Feistel(key, half_bits, value);
  } while (value >= static_cast<uint64_t>(count));
  return static_cast<int64_t>(value);
}

}  // namespace pprun
