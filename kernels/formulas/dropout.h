// Dropout of one element, and what is the same for all elements of a call. Tests: dropout_test.cc.
#pragma once

#include <cstdint>

#include "kernels/formulas/host_device.h"
#include "kernels/kernel.h"
#include "kernels/random.h"

namespace pprun::kernels {

struct DropoutScalars {
  uint64_t operation_key;
  uint32_t threshold;  // a word below it drops its element
  float scale;
};

inline DropoutScalars DropoutScalarsOf(float probability, const RandomKey& key) {
  return {.operation_key = MixKeys(MixKeys(key.seed, key.layer), key.operation),
          .threshold = static_cast<uint32_t>(static_cast<double>(probability) * 0x1p32),
          .scale = static_cast<float>(1.0 / (1.0 - static_cast<double>(probability)))};
}

PPRUN_HOST_DEVICE float DropoutElement(uint32_t word, uint32_t threshold, float scale, float x) {
  const float kept = x * scale;
  return word < threshold ? 0.0F : kept;
}

}  // namespace pprun::kernels
