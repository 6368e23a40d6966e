// The CPU under all ranks of a process: each has a device of its own and meets the others in
// memory. Tests: launch_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/backend.h"
#include "runtime/comm/local.h"

namespace pprun {

// Of each rank's products.
inline constexpr int kMostThreads = 1024;

// Throws std::runtime_error if a rank cannot have so many.
void CheckThreads(int threads);

class CpuBackend : public Backend {
 public:
  // Each rank's products use `threads` threads, at most kMostThreads. Throws std::runtime_error.
  CpuBackend(int64_t ranks, int threads);

  std::unique_ptr<Device> DeviceOf(int64_t rank) override;
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank) override;
  Issuer& issuer() override { return issuer_; }
  void Abort(const std::string& why) override { hub_.Abort(why); }
  std::optional<std::string> aborted() const override;

 private:
  const int threads_;
  LocalHub hub_;
  IndependentIssuer issuer_;
};

}  // namespace pprun
