#include "runtime/launch.h"

#include <sched.h>

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runtime/processes/job_control.h"
#include "runtime/start_thread.h"
#include "runtime/watchdog.h"

namespace pprun {
namespace {

constexpr int64_t kCrowdedRanksPerCore = 2;

// A rank may wait for the slowest one's whole step. The watchdog, which sees whether anything
// moves, comes before.
constexpr int kControlPatience = 10;

std::unique_ptr<Controls> MakeControls(const Plan& plan, const LaunchOptions& options) {
  const std::chrono::milliseconds deadline = options.patience * kControlPatience;
  if (options.job != nullptr) return std::make_unique<JobControls>(*options.job, deadline);
  return std::make_unique<LocalControl>(plan.Ranks(), deadline);
}

}  // namespace

int AvailableCores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int ThreadsPerRank(int64_t ranks, int cores) {
  return static_cast<int>(std::max<int64_t>(1, cores / std::max<int64_t>(1, ranks)));
}

std::optional<std::string> CrowdingWarning(int64_t ranks, int cores) {
  if (ranks <= kCrowdedRanksPerCore * cores) return std::nullopt;
  return std::to_string(ranks) + " ranks share " + std::to_string(cores) +
         (cores == 1 ? " core" : " cores") + ", so every step will be slow";
}

LocalRanks::LocalRanks(const Plan& plan, std::unique_ptr<Backend> backend,
                       const LaunchOptions& options, const DataSet* training,
                       const DataSet* validation)
    : options_(options),
      backend_(std::move(backend)),
      controls_(MakeControls(plan, options)),
      ranks_(options.job != nullptr ? 1 : static_cast<size_t>(plan.Ranks())) {
  // Each rank's memory is first touched by its own thread.
  OnThreads([&](size_t index) {
    Member& member = ranks_[index];
    const int64_t number =
        options.job != nullptr ? options.job->rank() : static_cast<int64_t>(index);
    member.rank = number;
    member.device = backend_->DeviceOf(number);
    member.communicator = backend_->CommunicatorOf(number);
    member.control = controls_->ControlOf(number);
    member.executor = std::make_unique<Executor>(plan, number, *member.device, *member.communicator,
                                                 backend_->issuer(), training, validation);
  });
}

void LocalRanks::Run(const std::function<void(Rank)>& body) {
  // Every process of a job reports where it is.
  std::optional<Job::Watch> job_watch;
  if (options_.job != nullptr) {
    job_watch.emplace(*options_.job, [this](const JobFailure& failure) {
      const bool hangs = failure.kind == JobFailure::Kind::kHang;
      if (hangs && options_.on_hang) options_.on_hang(HangReport());
    });
  }
  const Watchdog watchdog(
      options_.patience, [this] { return Progress(); }, [this] { OnHang(); });
  OnThreads([&](size_t index) {
    Member& member = ranks_[index];
    body({*member.executor, *member.control});
  });
}

// Runs `body` on a thread of each rank. The edge of the ranks' threads: a failure aborts everything
// that others may wait for, and becomes the reason that all of them end with.
void LocalRanks::OnThreads(const std::function<void(size_t)>& body) {
  std::vector<std::thread> threads;
  threads.reserve(ranks_.size());
  try {
    for (size_t index = 0; index < ranks_.size(); ++index) {
      threads.push_back(StartThread([&, index] {
        try {
          body(index);
        } catch (const std::exception& error) {
          Abort(error.what());
        }
      }));
    }
  } catch (const std::exception& error) {
    // Those that run may wait for the one that could not start.
    Abort(error.what());
  }
  for (std::thread& thread : threads) thread.join();
  if (const auto why = backend_->aborted()) throw std::runtime_error(*why);
}

void LocalRanks::Abort(const std::string& why) {
  backend_->Abort(why);
  controls_->Abort(why);
}

// Of all ranks, wherever they are.
int64_t LocalRanks::Progress() const {
  int64_t progress = 0;
  for (const Member& member : ranks_) progress += member.executor->Progress();
  if (options_.job == nullptr) return progress;
  options_.job->ShowProgress(progress);
  return options_.job->TotalProgress();
}

void LocalRanks::OnHang() {
  const std::string why =
      "nothing has moved for " + std::to_string(options_.patience.count() / 1000) + " s";
  if (options_.job != nullptr) {
    options_.job->Fail({.kind = JobFailure::Kind::kHang, .why = why});
    return;
  }
  if (options_.on_hang) options_.on_hang(HangReport());
  Abort(why);
}

std::string LocalRanks::HangReport() const {
  std::string report = backend_->issuer().Status();
  for (const Member& member : ranks_) {
    report += "rank " + std::to_string(member.rank) + "\n";
    bool idle = true;
    for (const StreamHead& head : member.executor->Heads()) {
      if (head.instruction.empty()) continue;
      idle = false;
      report += "  " + head.stream + "  " + head.instruction + "\n";
    }
    if (idle) report += "  all streams are idle\n";
  }
  return report;
}

}  // namespace pprun
