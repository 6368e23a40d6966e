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

kernels::SgdSettings SgdOf(const OptimizerSpec& optimizer) {
  return {.momentum = static_cast<float>(optimizer.momentum),
          .weight_decay = static_cast<float>(optimizer.weight_decay)};
}

kernels::AdamSettings AdamOf(const OptimizerSpec& optimizer) {
  return {.decay = optimizer.kind == OptimizerSpec::Kind::kAdamW
                       ? kernels::AdamSettings::Decay::kDecoupled
                       : kernels::AdamSettings::Decay::kL2,
          .beta1 = static_cast<float>(optimizer.beta1),
          .beta2 = static_cast<float>(optimizer.beta2),
          .epsilon = static_cast<float>(optimizer.epsilon),
          .weight_decay = static_cast<float>(optimizer.weight_decay)};
}

ClipTensors ClipTensorsOf(const ClipFactorCall& call) {
  return {.order = {const_cast<int32_t*>(call.order.data()), DType::kI32,
                    Shape{static_cast<int64_t>(call.order.size())}},
          .factor = FactorOf(call.target),
          .norm = {call.target.f32() + 1, DType::kF32, Shape{}}};
}

kernels::Tensor FactorOf(const kernels::Tensor& clip) { return {clip.data, DType::kF32, Shape{}}; }

}  // namespace pprun
