// Launches the kernels of kernels/*_cuda.cu on a stream of the current GPU. Tests:
// gpu_conformance_test.cc.
#pragma once

#include <memory>

#include "runtime/cuda/cuda_api.h"

namespace pprun {

// The stream outlives the launcher.
std::unique_ptr<CudaLauncher> MakeKernelLauncher(CudaStreamHandle stream);

}  // namespace pprun
