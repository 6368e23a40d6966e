// CUDA's handles as values that own them: made checked, moved, destroyed once. The GPU outlives
// them. A failure to destroy is not reported: whatever caused it has been, by the call that met it
// first. Tests: cuda_device_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/cuda/cuda_api.h"

namespace pprun {

// Owns what `Destroy` destroys.
template <class Handle, CudaStatus (CudaApi::*Destroy)(Handle)>
class CudaOwned {
 public:
  CudaOwned() = default;
  CudaOwned(CudaApi& api, Handle handle) : api_(&api), handle_(handle) {}
  CudaOwned(CudaOwned&& other) noexcept
      : api_(std::exchange(other.api_, nullptr)), handle_(std::exchange(other.handle_, {})) {}
  CudaOwned& operator=(CudaOwned&& other) noexcept {
    std::swap(api_, other.api_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~CudaOwned() {
    if (api_ != nullptr) (api_->*Destroy)(handle_);
  }

  Handle get() const { return handle_; }
  explicit operator bool() const { return api_ != nullptr; }

 private:
  CudaApi* api_ = nullptr;
  Handle handle_ = {};
};

using OwnedCudaStream = CudaOwned<CudaStreamHandle, &CudaApi::StreamDestroy>;
using OwnedCudaEvent = CudaOwned<CudaEventHandle, &CudaApi::EventDestroy>;
using OwnedCudaGraph = CudaOwned<CudaGraphHandle, &CudaApi::GraphDestroy>;
using OwnedCudaGraphExec = CudaOwned<CudaGraphExecHandle, &CudaApi::GraphExecDestroy>;
using OwnedCudaMemory = CudaOwned<void*, &CudaApi::Free>;
using OwnedPinnedMemory = CudaOwned<void*, &CudaApi::FreeHost>;

// Each throws std::runtime_error.
OwnedCudaStream MakeCudaStream(CudaApi& api);
OwnedCudaEvent MakeCudaEvent(CudaApi& api, CudaEventKind kind);
// Of zero bytes: nothing is owned.
OwnedCudaMemory MakeCudaMemory(CudaApi& api, int64_t bytes);
OwnedPinnedMemory MakePinnedMemory(CudaApi& api, int64_t bytes);

}  // namespace pprun
