// From a call of the device's interface to its kernel. Tests:
// conformance/device_conformance.h.
#pragma once

#include "kernels/cpu_queue.h"
#include "runtime/device.h"

namespace pprun {

// Runs the call on this thread.
void RunOnCpu(const kernels::CpuQueue& queue, const DeviceCall& call);

}  // namespace pprun
