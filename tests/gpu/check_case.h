// One case of a check that is no operation of the plan: runs it on the CPU and twice on the device,
// and adds what it found to a row.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "tests/gpu/checks.h"
#include "tests/gpu/device_array.h"

namespace pprun::gpu {

struct CaseTensor {
  HostArray host;
  // What the case writes, or only reads.
  enum class Use : uint8_t { kRead, kWritten } use = Use::kRead;
};

using Launch = std::function<void(std::span<const kernels::Tensor>)>;

// `expected`: what `on_cpu` leaves in copies of the tensors. `offset`: elements after a boundary.
void RunCase(const CheckContext& context, const std::string& name,
             const std::vector<CaseTensor>& tensors, int64_t offset, const Launch& on_cpu,
             const Launch& on_cuda, CheckRow& row);

// A row of cases that may throw: runs it by the context's runner and prints it.
void RunRow(const CheckContext& context, const std::string& kernel, const std::string& type,
            double allowed, const std::function<void(CheckRow&)>& cases);

}  // namespace pprun::gpu
