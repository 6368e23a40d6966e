// In the place of cuda_runtime_api.cc where CUDA is not built. Tests: golden/run/no_gpu.sched.
#include "runtime/cuda/cuda_api.h"

namespace pprun {

std::unique_ptr<CudaApi> OpenCuda() {
  throw std::runtime_error(
      "this pprun is built without CUDA; build it where nvcc is found, with -DPPRUN_CUDA=ON");
}

}  // namespace pprun
