// One element's step of each optimizer, with PyTorch's semantics and order of operations, so that
// both can be compared. Sources: SGD with momentum, Sutskever et al. 2013 in torch.optim.SGD's
// form; Adam, Kingma and Ba 2015; AdamW, Loshchilov and Hutter 2019. Tests: optimizer_test.cc.
#pragma once

#include <cmath>

#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

struct SgdScalars {
  float learning_rate;
  float momentum;
  float weight_decay;
};

// The gradient, decayed, goes into the momentum, and the momentum into the parameter.
PPRUN_HOST_DEVICE void SgdElement(const SgdScalars& scalars, float gradient, float& parameter,
                                  float& momentum) {
  const float decayed = gradient + scalars.weight_decay * parameter;
  momentum = scalars.momentum * momentum + decayed;
  parameter = parameter - scalars.learning_rate * momentum;
}

PPRUN_HOST_DEVICE void PlainSgdElement(const SgdScalars& scalars, float gradient,
                                       float& parameter) {
  const float decayed = gradient + scalars.weight_decay * parameter;
  parameter = parameter - scalars.learning_rate * decayed;
}

// What is the same for all elements of a step, computed in double and then rounded.
struct AdamScalars {
  float keep;  // 1 - learning_rate * weight_decay for AdamW, else 1
  float l2;    // weight_decay for Adam with L2, else 0
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float step_size;          // learning_rate / (1 - beta1^t)
  float second_correction;  // sqrt(1 - beta2^t)
  float epsilon;
};

PPRUN_HOST_DEVICE void AdamElement(const AdamScalars& scalars, float gradient, float& parameter,
                                   float& first, float& second) {
  const float kept = parameter * scalars.keep;
  const float g = gradient + scalars.l2 * kept;
  first = first + scalars.one_minus_beta1 * (g - first);
  second = second * scalars.beta2 + scalars.one_minus_beta2 * g * g;
  const float denominator = sqrtf(second) / scalars.second_correction + scalars.epsilon;
  parameter = kept - scalars.step_size * (first / denominator);
}

}  // namespace pprun::kernels
