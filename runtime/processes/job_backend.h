// The CPU under one rank in a process of its own: its device, and the socket communicator to the
// ranks of the other processes. Tests: launch_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/backend.h"
#include "runtime/processes/job.h"

namespace pprun {

class JobCpuBackend : public Backend {
 public:
  // The job outlives the backend. The rank's products use `threads` threads. Throws
  // std::runtime_error.
  JobCpuBackend(Job& job, int threads);

  std::unique_ptr<Device> DeviceOf(int64_t rank) override;
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank) override;
  Issuer& issuer() override { return issuer_; }
  void Abort(const std::string& why) override { job_.Fail({.why = why}); }
  std::optional<std::string> aborted() const override;

 private:
  Job& job_;
  const int threads_;
  IndependentIssuer issuer_;
};

}  // namespace pprun
