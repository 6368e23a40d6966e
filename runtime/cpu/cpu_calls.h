// From a call of the device's interface to its kernel. Tests: cpu_calls_test.cc.
#pragma once

#include "kernels/cpu_queue.h"
#include "runtime/device.h"

namespace pprun {

// Runs the call on this thread.
void RunOnCpu(const kernels::CpuQueue& queue, const DeviceCall& call);

}  // namespace pprun
