// From what a call says in the plan's terms to the settings that its kernel takes, the same on
// every device. Tests: device_conformance.h.
#pragma once

#include "kernels/initialise.h"
#include "kernels/optimizer.h"
#include "runtime/device.h"

namespace pprun {

kernels::Distribution DistributionOf(const Initialisation& initialisation);
kernels::SgdSettings SgdOf(const OptimizerSpec& optimizer);
kernels::AdamSettings AdamOf(const OptimizerSpec& optimizer);

struct ClipTensors {
  kernels::Tensor order, factor, norm;
};
ClipTensors ClipTensorsOf(const ClipFactorCall& call);
// Of what a clip factor leaves; absent if that is.
kernels::Tensor FactorOf(const kernels::Tensor& clip);

}  // namespace pprun
