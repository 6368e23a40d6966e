// A 64-bit hash of contents: detects damage and names things; it resists no adversary. The value is
// part of the plan file's format and of the random numbers' keys, so it is the same on every
// machine and never changes. About one multiplication for each eight bytes. Tests: base_test.cc.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace pprun {
namespace hash_detail {

// Odd constants with bits well spread: the fractions of the golden ratio and of the square root of
// two.
inline constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;
inline constexpr uint64_t kStart = 0x6A09E667F3BCC909;

constexpr uint64_t Mix(uint64_t state, uint64_t word) {
  state = (state ^ word) * kMultiplier;
  return state ^ (state >> 29);
}

}  // namespace hash_detail

inline uint64_t HashBytes(std::span<const std::byte> bytes, uint64_t seed = 0) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t state = hash_detail::Mix(hash_detail::kStart ^ seed, bytes.size());
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    state = hash_detail::Mix(state, word);
  }
  uint64_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  state = hash_detail::Mix(state, rest);
  // Lets the last word reach every bit.
  state = hash_detail::Mix(state, state >> 32);
  return hash_detail::Mix(state, state >> 32);
}

inline uint64_t HashText(std::string_view text, uint64_t seed = 0) {
  return HashBytes(std::as_bytes(std::span(text)), seed);
}

}  // namespace pprun
