// One GPU under all ranks of a process (`local`): each has memory and streams of its own on it,
// they meet by copies and sums on the device, and one thread issues for all. Tests:
// cuda_library_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/backend.h"
#include "runtime/cuda/cuda_api.h"
#include "runtime/cuda/cuda_gpu.h"
#include "runtime/cuda/cuda_issuer.h"
#include "runtime/cuda/cuda_local.h"

namespace pprun {

class CudaBackend : public Backend {
 public:
  // All ranks of the plan on GPU number `gpu`. The api outlives the backend. Throws
  // std::runtime_error.
  CudaBackend(const Plan& plan, CudaApi& api, int gpu, Graphs graphs);

  std::unique_ptr<Device> DeviceOf(int64_t rank) override;
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank) override;
  Issuer& issuer() override { return issuer_; }
  void Abort(const std::string& why) override { gpu_.abort().Raise(why); }
  std::optional<std::string> aborted() const override { return gpu_.abort().why(); }

 private:
  CudaGpu gpu_;
  CudaLocalHub hub_;
  CudaIssuer issuer_;
};

}  // namespace pprun
