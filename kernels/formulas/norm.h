// One element of the norms and of their gradients, given the sums over its row. Formulas and
// sources: layer_norm.h, rms_norm.h. Tests: layer_norm_test.cc, rms_norm_test.cc.
#pragma once

#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

PPRUN_HOST_DEVICE float LayerNormElement(float x, float mean, float rstd, float weight,
                                         float bias) {
  return (x - mean) * rstd * weight + bias;
}

PPRUN_HOST_DEVICE float Normalised(float x, float mean, float rstd) { return (x - mean) * rstd; }

// `average` and `average_xhat` are those of g and of g xhat, g = dy weight.
PPRUN_HOST_DEVICE float LayerNormGradElement(float xhat, float dy, float weight, float rstd,
                                             float average, float average_xhat) {
  return rstd * (dy * weight - average - xhat * average_xhat);
}

PPRUN_HOST_DEVICE float RmsNormElement(float x, float rstd, float weight) {
  return x * rstd * weight;
}

// `pull` is rstd^2 average(g x).
PPRUN_HOST_DEVICE float RmsNormGradElement(float x, float dy, float weight, float rstd,
                                           float pull) {
  return rstd * (dy * weight - x * pull);
}

}  // namespace pprun::kernels
