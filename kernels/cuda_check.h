// A failed CUDA call becomes an exception that says what was called. Used by host code only.
// Tests: cuda_queue_test.cc.
#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace pprun::kernels {

inline void CheckCuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error("`" + std::string(what) + "` failed: " + cudaGetErrorString(status));
}

}  // namespace pprun::kernels
