// The activations and their derivatives, one element at a time. Sources: GELU, Hendrycks and Gimpel
// 2016 (both the exact form and the tanh form that GPT-2 uses); SiLU, Elfwing et al. 2017. Tests:
// activation_test.cc.
#pragma once

#include "kernels/formulas/exponential.h"
#include "kernels/formulas/host_device.h"

namespace pprun::kernels {

PPRUN_HOST_DEVICE float Sigmoid(float x) { return Reciprocal(1.0F + Exp(-x)); }

// The standard normal distribution: its value below x, and its density at x.
struct NormalDistribution {
  float below;
  float density;
};

// The tail below -|x| is E t q(t) with E = exp(-x^2 / 2) and t = 1 / (1 + 0.27 |x|); q interpolates
// it at Chebyshev nodes for |x| <= 13.5 (beyond, E is 0) with a relative error below 3e-8, so the
// tail keeps its relative precision.
PPRUN_HOST_DEVICE NormalDistribution Normal(float x) {
  const float e = Exp(-0.5F * x * x);
  const float magnitude = x < 0.0F ? -x : x;
  const float t = Reciprocal(1.0F + 0.27F * magnitude);
  float q = 0.02898864139F;
  q = q * t - 0.1266612454F;
  q = q * t + 0.1702335344F;
  q = q * t - 0.06981608433F;
  q = q * t + 0.1083032537F;
  q = q * t + 0.0718243965F;
  q = q * t + 0.1018724766F;
  q = q * t + 0.1075338469F;
  q = q * t + 0.1077211909F;
  const float tail = e * (t * q);
  return {x < 0.0F ? tail : 1.0F - tail, 0.398942280F * e};
}

// y = x Phi(x)
PPRUN_HOST_DEVICE float Gelu(float x) { return x * Normal(x).below; }

// dx = dy (Phi(x) + x phi(x))
PPRUN_HOST_DEVICE float GeluGrad(float x, float dy) {
  const NormalDistribution normal = Normal(x);
  return dy * (normal.below + x * normal.density);
}

// y = x/2 (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
PPRUN_HOST_DEVICE float GeluTanh(float x) {
  const float twice_u = 1.595769122F * (x + 0.044715F * x * x * x);
  return x * Sigmoid(twice_u);
}

PPRUN_HOST_DEVICE float GeluTanhGrad(float x, float dy) {
  const float twice_u = 1.595769122F * (x + 0.044715F * x * x * x);
  const float slope = 1.595769122F * (1.0F + 3.0F * 0.044715F * x * x);
  const float e = Exp(-twice_u);
  const float s = Reciprocal(1.0F + e);
  // s (1 - s), with 1 - s as s e, so that nothing cancels; where s is 0, e may be infinite, and the
  // cubic may overflow, and neither is needed.
  const float rise = s == 0.0F ? 0.0F : s * (s * e);
  return dy * (s + (rise == 0.0F ? 0.0F : x * rise * slope));
}

// y = x sigmoid(x)
PPRUN_HOST_DEVICE float Silu(float x) { return x * Sigmoid(x); }

PPRUN_HOST_DEVICE float SiluGrad(float x, float dy) {
  const float s = Sigmoid(x);
  return dy * (s * (1.0F + x * (1.0F - s)));
}

// NaN passes through, so that a diverged run is seen.
PPRUN_HOST_DEVICE float Relu(float x) { return x <= 0.0F ? 0.0F : x; }

PPRUN_HOST_DEVICE float ReluGrad(float x, float dy) { return x <= 0.0F ? 0.0F : dy; }

}  // namespace pprun::kernels
