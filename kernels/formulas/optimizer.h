// One element's step of each optimizer, with PyTorch's semantics and order of operations, so that
// both can be compared. Sources: SGD with momentum, Sutskever et al. 2013 in torch.optim.SGD's
// form; Adam, Kingma and Ba 2015; AdamW, Loshchilov and Hutter 2019. Tests: optimizer_test.cc.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/formulas/host_device.h"
#include "kernels/kernel.h"

namespace pprun::kernels {

struct SgdSettings {
  float momentum = 0;
  float weight_decay = 0;  // added to the gradient, as torch.optim.SGD does
};

struct AdamSettings {
  enum class Decay : uint8_t { kL2, kDecoupled } decay = Decay::kDecoupled;  // Adam, AdamW
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float weight_decay = 0;
};

// What is the same for all elements of a step. `factor` is what the gradient is clipped by: 1
// changes no bits.
struct SgdScalars {
  float learning_rate;
  float momentum;
  float weight_decay;
  float factor;
};

PPRUN_HOST_DEVICE SgdScalars ScalarsOf(const SgdSettings& settings, const StepState& state,
                                       float factor) {
  return {state.learning_rate, settings.momentum, settings.weight_decay, factor};
}

// The gradient, decayed, goes into the momentum, and the momentum into the parameter.
PPRUN_HOST_DEVICE void SgdElement(const SgdScalars& scalars, float gradient, float& parameter,
                                  float& momentum) {
  const float decayed = gradient * scalars.factor + scalars.weight_decay * parameter;
  momentum = scalars.momentum * momentum + decayed;
  parameter = parameter - scalars.learning_rate * momentum;
}

PPRUN_HOST_DEVICE void PlainSgdElement(const SgdScalars& scalars, float gradient,
                                       float& parameter) {
  const float decayed = gradient * scalars.factor + scalars.weight_decay * parameter;
  parameter = parameter - scalars.learning_rate * decayed;
}

// Computed in double and then rounded.
struct AdamScalars {
  float keep;  // 1 - learning_rate * weight_decay for AdamW, else 1
  float l2;    // weight_decay for Adam with L2, else 0
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float step_size;          // learning_rate / (1 - beta1^t)
  float second_correction;  // sqrt(1 - beta2^t)
  float epsilon;
  float factor;
};

PPRUN_HOST_DEVICE AdamScalars ScalarsOf(const AdamSettings& settings, const StepState& state,
                                        float factor) {
  const double steps = static_cast<double>(state.step) + 1.0;
  const double rate = static_cast<double>(state.learning_rate);
  const double beta1 = static_cast<double>(settings.beta1);
  const double beta2 = static_cast<double>(settings.beta2);
  const double decay = static_cast<double>(settings.weight_decay);
  const bool decoupled = settings.decay == AdamSettings::Decay::kDecoupled;
  return {.keep = decoupled ? static_cast<float>(1.0 - rate * decay) : 1.0F,
          .l2 = decoupled ? 0.0F : settings.weight_decay,
          .one_minus_beta1 = static_cast<float>(1.0 - beta1),
          .beta2 = settings.beta2,
          .one_minus_beta2 = static_cast<float>(1.0 - beta2),
          .step_size = static_cast<float>(rate / (1.0 - pow(beta1, steps))),
          .second_correction = static_cast<float>(sqrt(1.0 - pow(beta2, steps))),
          .epsilon = settings.epsilon,
          .factor = factor};
}

PPRUN_HOST_DEVICE void AdamElement(const AdamScalars& scalars, float gradient, float& parameter,
                                   float& first, float& second) {
  const float kept = parameter * scalars.keep;
  const float g = gradient * scalars.factor + scalars.l2 * kept;
  first = first + scalars.one_minus_beta1 * (g - first);
  second = second * scalars.beta2 + scalars.one_minus_beta2 * g * g;
  const float denominator = sqrtf(second) / scalars.second_correction + scalars.epsilon;
  parameter = kept - scalars.step_size * (first / denominator);
}

// See LaunchClipFactor: the norm and the factor, given the sum of all squares.
struct Clipping {
  float norm;
  float factor;
};

PPRUN_HOST_DEVICE Clipping ClippingOf(double square_sum, float max_norm) {
  const double norm = sqrt(square_sum);
  const double ratio = static_cast<double>(max_norm) / (norm + 1e-6);
  return {static_cast<float>(norm), ratio > 1.0 ? 1.0F : static_cast<float>(ratio)};
}

}  // namespace pprun::kernels
