#include "runtime/call_settings.h"

#include "compiler/plan/base/check.h"

namespace pprun {

kernels::Distribution DistributionOf(const Initialisation& initialisation) {
  switch (initialisation.kind) {
    case Initialisation::Kind::kZeros:
      return {kernels::Distribution::Kind::kZeros};
    case Initialisation::Kind::kOnes:
      return {kernels::Distribution::Kind::kOnes};
    case Initialisation::Kind::kNormal:
      return {kernels::Distribution::Kind::kNormal, static_cast<float>(initialisation.deviation)};
  }
  CHECK(false);
}

kernels::AdamSettings AdamOf(const OptimizerSpec& optimizer, float weight_decay) {
  return {.decay = optimizer.kind == OptimizerSpec::Kind::kAdamW
                       ? kernels::AdamSettings::Decay::kDecoupled
                       : kernels::AdamSettings::Decay::kL2,
          .beta1 = static_cast<float>(optimizer.beta1),
          .beta2 = static_cast<float>(optimizer.beta2),
          .epsilon = static_cast<float>(optimizer.epsilon),
          .weight_decay = weight_decay};
}

float WeightDecayOf(const UpdateCall& call) {
  return call.decay == Parameter::Decay::kYes ? static_cast<float>(call.optimizer->weight_decay)
                                              : 0.0F;
}

ClipTensors ClipTensorsOf(const ClipFactorCall& call) {
  return {.order = {const_cast<int32_t*>(call.order.data()), DType::kI32,
                    Shape{static_cast<int64_t>(call.order.size())}},
          .factor = {call.target.f32(), DType::kF32, Shape{}},
          .norm = {call.target.f32() + 1, DType::kF32, Shape{}}};
}

}  // namespace pprun
