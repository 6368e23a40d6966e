#include "runtime/control.h"

#include <cmath>
#include <stdexcept>

#include "compiler/plan/base/check.h"
#include "runtime/communicator.h"

namespace pprun {
namespace {

// "nan", "inf" or "-inf".
std::string NameOf(double number) {
  if (std::isnan(number)) return "nan";
  return number > 0 ? "inf" : "-inf";
}

// Appends a sentence if the number is there and not finite.
void CheckFinite(std::optional<double> number, const char* what, size_t rank, int64_t step,
                 StepVerdict& verdict) {
  if (!number || std::isfinite(*number) || verdict.action == StepVerdict::Action::kFail) return;
  verdict.action = StepVerdict::Action::kFail;
  verdict.why = std::string(what) + " is " + NameOf(*number) + " in step " +
                std::to_string(step + 1) + " on rank " + std::to_string(rank);
}

void AddShare(std::optional<double> share, std::optional<double>& sum) {
  if (share) sum = sum.value_or(0) + *share;
}

}  // namespace

StepVerdict Judge(std::span<const StepReport> reports) {
  StepVerdict verdict;
  verdict.round = reports[0].round;
  verdict.step = reports[0].step;
  std::optional<double> loss;
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    const StepReport& report = reports[rank];
    CHECK(report.round == verdict.round && report.step == verdict.step);
    if (report.wish == StepReport::Wish::kStop && verdict.action == StepVerdict::Action::kGoOn) {
      verdict.action = StepVerdict::Action::kStop;
    }
    AddShare(report.loss, loss);
    AddShare(report.validation_loss, verdict.validation_loss);
    if (!verdict.gradient_norm) verdict.gradient_norm = report.gradient_norm;
  }
  // The loss before the norm that follows from it, whichever rank has which.
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    CheckFinite(reports[rank].loss, "loss", rank, verdict.step, verdict);
  }
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    CheckFinite(reports[rank].gradient_norm, "gradient norm", rank, verdict.step, verdict);
    CheckFinite(reports[rank].validation_loss, "held-out loss", rank, verdict.step, verdict);
  }
  verdict.loss = loss.value_or(0);
  return verdict;
}

void ThrowLateReports(int64_t rank, std::chrono::milliseconds deadline) {
  throw std::runtime_error("rank " + std::to_string(rank) + " waited " +
                           std::to_string(deadline.count() / 1000) +
                           " s for the other ranks' reports");
}

class LocalControl::RankControl : public Control {
 public:
  RankControl(LocalControl& hub, int64_t rank) : hub_(hub), rank_(rank) {}
  void Post(const StepReport& report) override { hub_.Post(rank_, report); }
  StepVerdict Await(int64_t round) override { return hub_.Await(rank_, round); }

 private:
  LocalControl& hub_;
  const int64_t rank_;
};

LocalControl::LocalControl(int64_t ranks, std::chrono::milliseconds deadline)
    : ranks_(static_cast<size_t>(ranks)), deadline_(deadline) {
  for (Slot& slot : slots_) slot.reports.resize(ranks_);
}

std::unique_ptr<Control> LocalControl::ControlOf(int64_t rank) {
  CHECK(rank >= 0 && static_cast<size_t>(rank) < ranks_);
  return std::make_unique<RankControl>(*this, rank);
}

void LocalControl::Abort(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!aborted_) aborted_ = why;
  changed_.notify_all();
}

void LocalControl::Post(int64_t rank, const StepReport& report) {
  const std::lock_guard lock(mutex_);
  Slot& slot = SlotOf(report.round);
  if (slot.verdict) {
    // Left from a round that everyone has awaited.
    CHECK(slot.verdict->round == report.round - kRounds);
    slot.verdict.reset();
    slot.posted = 0;
  }
  slot.reports[static_cast<size_t>(rank)] = report;
  if (++slot.posted < ranks_) return;
  slot.verdict = Judge(slot.reports);
  changed_.notify_all();
}

StepVerdict LocalControl::Await(int64_t rank, int64_t round) {
  std::unique_lock lock(mutex_);
  const Slot& slot = SlotOf(round);
  const auto judged = [&] { return slot.verdict && slot.verdict->round == round; };
  const bool in_time = changed_.wait_for(lock, deadline_, [&] { return judged() || aborted_; });
  if (judged()) return *slot.verdict;
  if (aborted_) throw AbortedError(*aborted_);
  CHECK(!in_time);
  ThrowLateReports(rank, deadline_);
}

}  // namespace pprun
