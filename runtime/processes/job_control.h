// The control channel of a rank in a process of its own: what LocalControl does, over the
// connections of the job. Tests: job_test.cc with conformance/control_conformance.h.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "runtime/control.h"
#include "runtime/processes/job.h"

namespace pprun {

class JobControls : public Controls {
 public:
  // The job outlives it. No wait lasts longer than the deadline.
  JobControls(Job& job, std::chrono::milliseconds deadline) : job_(job), deadline_(deadline) {}

  // Of this process's own rank.
  std::unique_ptr<Control> ControlOf(int64_t rank) override;
  void Abort(const std::string& why) override { job_.Fail({.why = why}); }

 private:
  class RankControl;

  Job& job_;
  const std::chrono::milliseconds deadline_;
};

}  // namespace pprun
