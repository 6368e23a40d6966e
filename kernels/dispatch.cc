#include "kernels/dispatch.h"

#include "kernels/cpu_queue.h"
#include "kernels/dispatch_operation.h"
#include "kernels/widened.h"

namespace pprun::kernels {

void LaunchOnCpu(const CpuQueue& queue, OpKind kind, const OpAttributes& attributes,
                 std::span<const Tensor> operands, const RandomKey& key) {
  if (!WantsWidening(queue, kind, operands)) {
    return LaunchOperation(queue, kind, attributes, operands, key);
  }
  LaunchWidened(queue, kind, operands, [&](std::span<const Tensor> floats) {
    LaunchOperation(queue, kind, attributes, floats, key);
  });
}

}  // namespace pprun::kernels
