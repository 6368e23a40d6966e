#include "runtime/processes/job_control.h"

#include "compiler/plan/base/check.h"

namespace pprun {

class JobControls::RankControl : public Control {
 public:
  RankControl(Job& job, std::chrono::milliseconds deadline) : job_(job), deadline_(deadline) {}
  void Post(const StepReport& report) override { job_.Post(report); }
  StepVerdict Await(int64_t round) override { return job_.Await(round, deadline_); }

 private:
  Job& job_;
  const std::chrono::milliseconds deadline_;
};

std::unique_ptr<Control> JobControls::ControlOf(int64_t rank) {
  CHECK(rank == job_.rank());
  return std::make_unique<RankControl>(job_, deadline_);
}

}  // namespace pprun
