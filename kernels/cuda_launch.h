// Launches a kernel on a queue. Included by *_cuda.cu only. Tests: gpu/kernels_check.cc.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda_check.h"
#include "kernels/cuda_geometry.h"
#include "kernels/cuda_queue.h"

namespace pprun::kernels {

// Dynamic shared memory that a kernel gets without asking: of 48 KiB, what static memory leaves.
inline constexpr int64_t kUnaskedSharedBytes = 40 << 10;

// `what` names the operation in the error.
template <class... Parameters, class... Arguments>
void LaunchKernel(const CudaQueue& queue, const char* what, const Geometry& geometry,
                  void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (geometry.shared_bytes > kUnaskedSharedBytes) {
    CheckCuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                   cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(geometry.shared_bytes)),
              what);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(geometry.blocks));
  config.blockDim = dim3(static_cast<unsigned>(geometry.threads));
  config.dynamicSmemBytes = static_cast<size_t>(geometry.shared_bytes);
  config.stream = queue.stream;
  CheckCuda(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), what);
}

}  // namespace pprun::kernels
