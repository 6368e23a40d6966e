// Runs work that only appends to a stream, at once or as a captured graph. Tests: themselves.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "kernels/cuda_check.h"

namespace pprun::gpu {

// How a case's work reaches the GPU.
enum class Issue : uint8_t { kEager, kGraph };

// `between` runs after the capture and before the graph's launch, or before eager work. Returns
// when the work is done.
inline void RunWork(cudaStream_t stream, Issue issue, const std::function<void()>& work,
                    const std::function<void()>& between) {
  using kernels::CheckCuda;
  if (issue == Issue::kEager) {
    between();
    work();
    CheckCuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    return;
  }
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  CheckCuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
            "cudaStreamBeginCapture");
  work();
  CheckCuda(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  CheckCuda(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
  between();
  CheckCuda(cudaGraphLaunch(executable, stream), "cudaGraphLaunch");
  CheckCuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  CheckCuda(cudaGraphExecDestroy(executable), "cudaGraphExecDestroy");
  CheckCuda(cudaGraphDestroy(graph), "cudaGraphDestroy");
}

}  // namespace pprun::gpu
