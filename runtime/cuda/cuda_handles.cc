#include "runtime/cuda/cuda_handles.h"

#include <string>

#include "compiler/plan/text.h"

namespace pprun {
namespace {

void CheckAllocation(CudaApi& api, CudaStatus status, int64_t bytes, const std::string& where) {
  if (status == CudaStatus::kSuccess) return;
  throw std::runtime_error("cannot allocate " + HumanBytes(bytes) + " " + where + ": " +
                           api.GetErrorString(status));
}

}  // namespace

OwnedCudaStream MakeCudaStream(CudaApi& api) {
  CudaStreamHandle stream = nullptr;
  api.Check(api.StreamCreate(&stream), "cudaStreamCreateWithFlags");
  return {api, stream};
}

OwnedCudaEvent MakeCudaEvent(CudaApi& api, CudaEventKind kind) {
  CudaEventHandle event = nullptr;
  api.Check(api.EventCreate(&event, kind), "cudaEventCreateWithFlags");
  return {api, event};
}

OwnedCudaMemory MakeCudaMemory(CudaApi& api, int64_t bytes) {
  if (bytes == 0) return {};
  void* memory = nullptr;
  CheckAllocation(api, api.Malloc(&memory, static_cast<size_t>(bytes)), bytes, "on the GPU");
  return {api, memory};
}

OwnedPinnedMemory MakePinnedMemory(CudaApi& api, int64_t bytes) {
  if (bytes == 0) return {};
  void* memory = nullptr;
  CheckAllocation(api, api.HostAlloc(&memory, static_cast<size_t>(bytes)), bytes,
                  "of pinned memory");
  return {api, memory};
}

}  // namespace pprun
