// Backend: what the ranks of this process run on. It makes their devices, communicators and
// issuer, and ends what they wait for when one of them fails. cpu/cpu_backend.h: each rank has a
// share of the cores; cuda/cuda_backend.h: all of them share one GPU. Tests: launch_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/communicator.h"
#include "runtime/device.h"
#include "runtime/issuer.h"

namespace pprun {

// Outlives what it makes.
class Backend {
 public:
  virtual ~Backend() = default;

  // Each once a rank, by the rank's thread. Throws std::runtime_error.
  virtual std::unique_ptr<Device> DeviceOf(int64_t rank) = 0;
  virtual std::unique_ptr<Communicator> CommunicatorOf(int64_t rank) = 0;
  virtual Issuer& issuer() = 0;

  // Ends everything that ranks wait for. The first reason stays. From any thread.
  virtual void Abort(const std::string& why) = 0;
  // Why, once aborted.
  virtual std::optional<std::string> aborted() const = 0;
};

}  // namespace pprun
