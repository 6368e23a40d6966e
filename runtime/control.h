// The host-side control channel: what ranks must agree on although their plans have no branches.
//
// After each step, and each batch of a validation, a rank posts one small record: a round. What
// follows from all of them is the same for all and is acted on one round later, so nobody waits for
// the slowest rank's last step. The losses
// reach whoever prints them the same way. `Control` is what a rank has of it; LocalControl joins
// ranks of one process, processes/job_control.h those of several. Every wait has a deadline and
// ends with an abort. Tests: control_test.cc with conformance/control_conformance.h.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pprun {

// What a rank says of a step, or of the validation that follows it.
struct StepReport {
  int64_t round = 0;           // counted from 0, the same on all ranks
  int64_t step = 0;            // counted from 0
  std::optional<double> loss;  // its share, if it has one
  std::optional<double> gradient_norm;
  std::optional<double> validation_loss;                          // its share
  enum class Wish : uint8_t { kGoOn, kStop } wish = Wish::kGoOn;  // kStop: it was interrupted
};

// What follows from the reports of all ranks.
struct StepVerdict {
  enum class Action : uint8_t { kGoOn, kStop, kFail } action = Action::kGoOn;
  std::string why;  // kFail: "loss is nan in step 12 on rank 3"
  int64_t round = 0;
  int64_t step = 0;
  double loss = 0;  // shares summed in rank order
  std::optional<double> gradient_norm;
  std::optional<double> validation_loss;
};

// `reports` by rank, of one round. A number that is not finite fails; an interrupt stops.
StepVerdict Judge(std::span<const StepReport> reports);

class Control {
 public:
  virtual ~Control() = default;
  virtual void Post(const StepReport& report) = 0;
  // The verdict on a round that this rank has posted. At most one may be posted beyond it.
  // Throws std::runtime_error at the deadline, AbortedError after an abort.
  virtual StepVerdict Await(int64_t round) = 0;
};

// What Await throws at the deadline.
[[noreturn]] void ThrowLateReports(int64_t rank, std::chrono::milliseconds deadline);

// Joins ranks. Outlives their controls.
class Controls {
 public:
  virtual ~Controls() = default;
  virtual std::unique_ptr<Control> ControlOf(int64_t rank) = 0;
  // Ends every wait, present or to come. The first reason stays. From any thread.
  virtual void Abort(const std::string& why) = 0;
};

// Joins the ranks of one process.
class LocalControl : public Controls {
 public:
  // No wait lasts longer than the deadline.
  LocalControl(int64_t ranks, std::chrono::milliseconds deadline);

  std::unique_ptr<Control> ControlOf(int64_t rank) override;
  void Abort(const std::string& why) override;

 private:
  class RankControl;

  // A rank posts at most two rounds beyond one that another has yet to await.
  static constexpr int64_t kRounds = 4;

  struct Slot {
    std::vector<StepReport> reports;  // by rank
    size_t posted = 0;
    std::optional<StepVerdict> verdict;
  };
  Slot& SlotOf(int64_t round) { return slots_[static_cast<size_t>(round % kRounds)]; }

  void Post(int64_t rank, const StepReport& report);
  StepVerdict Await(int64_t rank, int64_t round);

  const size_t ranks_;
  const std::chrono::milliseconds deadline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> aborted_;
  std::array<Slot, kRounds> slots_;
};

}  // namespace pprun
