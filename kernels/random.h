// Random numbers that depend on what they are for and never on who draws them: a counter-based
// generator. Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1,
// 2, 3", SC 2011) maps a 128-bit counter and a 64-bit key to 128 random bits. Tests: random_test.cc
// (the paper's known answers).
#pragma once

#include <cstdint>

#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

struct Philox {
  uint32_t word[4];
};

PPRUN_HOST_DEVICE Philox Philox4x32(Philox counter, uint64_t key) {
  uint32_t key0 = static_cast<uint32_t>(key);
  uint32_t key1 = static_cast<uint32_t>(key >> 32);
  uint32_t c0 = counter.word[0];
  uint32_t c1 = counter.word[1];
  uint32_t c2 = counter.word[2];
  uint32_t c3 = counter.word[3];
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53U} * c0;
    const uint64_t product1 = uint64_t{0xCD9E8D57U} * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(product0);
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return {{c0, c1, c2, c3}};
}

// Joins two 64-bit keys into one: a bijection of `b` for each `a` (the finaliser of SplitMix64,
// Steele et al. 2014).
PPRUN_HOST_DEVICE uint64_t MixKeys(uint64_t a, uint64_t b) {
  uint64_t z = a * 0x9E3779B97F4A7C15ULL + 0x632BE59BD9B4E019ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z = (z ^ (z >> 31)) + b;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

// Four random words for elements 4 * group .. 4 * group + 3 of one sample of one random operation
// of one step. Steps below 2^32, samples below 2^48, elements of a sample below 2^50.
PPRUN_HOST_DEVICE Philox DropoutBits(uint64_t operation_key, int64_t step, int64_t sample,
                                     int64_t group) {
  const uint32_t high =
      (static_cast<uint32_t>(sample >> 32) << 16) | static_cast<uint32_t>(group >> 32);
  return Philox4x32({{static_cast<uint32_t>(group), static_cast<uint32_t>(sample),
                      static_cast<uint32_t>(step), high}},
                    operation_key);
}

// Uniform in (0, 1]: never zero, so its logarithm is finite.
PPRUN_HOST_DEVICE double UniformAboveZero(uint32_t word) {
  return (static_cast<double>(word) + 1.0) * 0x1p-32;
}

}  // namespace pprun::kernels
