// From what a call says in the plan's terms to the settings that its kernel takes, the same on
// every device. Tests: device_conformance.h.
#pragma once

#include "kernels/initialise.h"
#include "kernels/optimizer.h"
#include "runtime/device.h"

namespace pprun {

kernels::Distribution DistributionOf(const Initialisation& initialisation);
kernels::AdamSettings AdamOf(const OptimizerSpec& optimizer, float weight_decay);
float WeightDecayOf(const UpdateCall& call);

struct ClipTensors {
  kernels::Tensor order, factor, norm;
};
ClipTensors ClipTensorsOf(const ClipFactorCall& call);

}  // namespace pprun
