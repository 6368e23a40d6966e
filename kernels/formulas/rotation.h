// The angles of rotary position embeddings, in double, and the rotation of a pair of elements.
// Formula and source: rope.h. Tests: rope_test.cc.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

// theta^(-2 pair / head_width)
PPRUN_HOST_DEVICE double RotationFrequency(float theta, int64_t pair, int64_t head_width) {
  return pow(static_cast<double>(theta),
             -2.0 * static_cast<double>(pair) / static_cast<double>(head_width));
}

// `turn` is the sine, negative to rotate back.
PPRUN_HOST_DEVICE void RotatePair(float cosine, float turn, float& low, float& high) {
  const float x = low;
  low = x * cosine - high * turn;
  high = high * cosine + x * turn;
}

}  // namespace pprun::kernels
