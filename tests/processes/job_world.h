// Jobs whose ranks are threads of one process: what tests join over real connections.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/processes/job.h"

namespace pprun {

// All ranks of a job, each with what it sees of it.
class JobWorld {
 public:
  // `change` may change a rank's options. Throws what the first rank that fails throws.
  explicit JobWorld(int64_t ranks, const std::function<void(Job::Options&)>& change = {}) {
    jobs_.resize(static_cast<size_t>(ranks));
    errors_.resize(jobs_.size());
    Descriptor listener = ListenOn({"127.0.0.1", 0});
    const Endpoint rendezvous = EndpointOf(listener);
    std::vector<std::thread> threads;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      Job::Options options = {
          .job = "test", .rank = rank, .ranks = ranks, .rendezvous = rendezvous};
      options.patience = std::chrono::milliseconds(10000);
      options.linger = std::chrono::milliseconds(300);
      if (rank == 0) options.listener = std::move(listener);
      if (change) change(options);
      threads.emplace_back([this, rank, own = std::move(options)]() mutable {
        try {
          jobs_[static_cast<size_t>(rank)] = std::make_unique<Job>(std::move(own));
        } catch (const std::exception& error) {
          errors_[static_cast<size_t>(rank)] = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  // Rank 0 waits for the others.
  ~JobWorld() {
    for (const auto& job : jobs_) {
      if (job) job->Leave();
    }
    while (!jobs_.empty()) jobs_.pop_back();
  }

  Job& job(int64_t rank) { return *jobs_[static_cast<size_t>(rank)]; }
  bool Has(int64_t rank) const { return jobs_[static_cast<size_t>(rank)] != nullptr; }
  void Remove(int64_t rank) { jobs_[static_cast<size_t>(rank)].reset(); }
  // Why it could not join; empty if it could.
  const std::string& error(int64_t rank) const { return errors_[static_cast<size_t>(rank)]; }

 private:
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<std::string> errors_;
};

}  // namespace pprun
