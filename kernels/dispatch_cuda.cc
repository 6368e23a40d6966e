#include "kernels/cuda_queue.h"
#include "kernels/dispatch.h"
#include "kernels/dispatch_operation.h"

namespace pprun::kernels {

void LaunchOnCuda(const CudaQueue& queue, OpKind kind, const OpAttributes& attributes,
                  std::span<const Tensor> operands, const RandomKey& key) {
  LaunchOperation(queue, kind, attributes, operands, key);
}

}  // namespace pprun::kernels
