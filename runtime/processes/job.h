// A job: the processes of one run, as one of them sees it. Rank 0 serves it (JobServer); every
// rank, rank 0 too, holds one connection there. A failure of any rank, its going away included,
// reaches all with one reason; a process that then cannot end is ended. Tests: job_test.cc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/control.h"
#include "runtime/processes/clock_offsets.h"
#include "runtime/processes/job_server.h"
#include "runtime/processes/messages.h"
#include "runtime/processes/socket.h"

namespace pprun {

// The name of this machine.
std::string HostName();

class Job {
 public:
  struct Options {
    std::string job;
    int64_t rank = 0;
    int64_t ranks = 1;
    Endpoint rendezvous;
    Descriptor listener;  // of rank 0, if it has one; else it listens at the rendezvous
    uint64_t plan_digest = 0;
    std::string host = HostName();
    std::chrono::milliseconds patience{300'000};  // of every wait
    std::chrono::milliseconds linger{3'000};      // see JobServer
    // Between a failure and `give_up`, which ends the process.
    std::chrono::milliseconds grace{30'000};
    std::function<void(const JobFailure&)> give_up = GiveUp;
  };

  // Returns when all ranks are here and run the same plan. Throws std::runtime_error.
  explicit Job(Options options);
  // Without Leave, the others take it that this rank is gone. Rank 0 waits until all have left.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  int64_t rank() const { return options_.rank; }
  int64_t ranks() const { return options_.ranks; }
  std::chrono::milliseconds patience() const { return options_.patience; }
  // The same on all ranks and on no others.
  const std::string& token() const { return token_; }
  const std::string& host() const { return options_.host; }
  // A listener that the other ranks reach, and where they do.
  struct Listener {
    Descriptor socket;
    Endpoint address;
  };
  Listener Listen() const;
  // What is to be added to this machine's steady clock to have rank 0's, around that time of it.
  double ClockOffset(double seconds) const;

  // Values under keys, each set once by whoever has it. Get waits; it throws AbortedError if the
  // job fails, std::runtime_error when its patience ends.
  void Set(const std::string& key, const std::string& value);
  std::string Get(const std::string& key);

  // As Control has them.
  void Post(const StepReport& report);
  StepVerdict Await(int64_t round, std::chrono::milliseconds deadline);

  // Ends the job everywhere, and returns when that has begun. The first failure of all ranks stays.
  void Fail(JobFailure failure);
  std::optional<JobFailure> failure() const;
  // Raised when the job has failed.
  const StopSignal& stop() const { return stop_; }
  // Called once when the job fails, or now if it has; not after the watch has gone. It must not use
  // the job.
  class Watch {
   public:
    Watch(Job& job, std::function<void(const JobFailure&)> on_failure);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Job& job_;
    size_t number_;
  };

  // What this rank counts up while it works, and the sum over all ranks.
  void ShowProgress(int64_t progress) { progress_.store(progress, std::memory_order_relaxed); }
  int64_t TotalProgress() const { return total_progress_.load(std::memory_order_relaxed); }

  // This rank is done and well.
  void Leave();

 private:
  static void GiveUp(const JobFailure& failure);
  void Join();
  void Read();
  void Receive();
  void Handle(const Message& message);
  void SendAlive();
  void Send(MessageKind kind, std::string_view body);
  // `why` happened to this rank.
  void NoteHere(const std::string& why) { Note({.why = why, .rank = rank()}); }
  void Note(const JobFailure& failure);
  [[noreturn]] void ThrowFailure();

  Options options_;
  std::unique_ptr<JobServer> server_;  // destroyed after the connection
  StopSignal stop_;
  StopSignal ended_;
  Descriptor connection_;
  std::string token_;
  std::string server_host_;
  enum class Hosts : uint8_t { kOne, kSeveral } hosts_ = Hosts::kOne;

  std::mutex sending_;
  // Of the reading thread.
  std::string received_;
  enum class Server : uint8_t { kThere, kClosed } server_state_ = Server::kThere;
  std::optional<double> alive_sent_;
  int first_trips_ = 32;
  // Whether rank 0 is on this machine.
  enum class Place : uint8_t { kHere, kElsewhere } place_ = Place::kHere;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<JobFailure> failure_;
  enum class State : uint8_t { kMember, kLeft } state_ = State::kMember;
  std::map<std::string, std::string> values_;
  std::map<int64_t, StepVerdict> verdicts_;
  ClockOffsets clock_offsets_;
  std::map<size_t, std::function<void(const JobFailure&)>> watches_;
  size_t watches_made_ = 0;

  std::atomic<int64_t> progress_{0};
  std::atomic<int64_t> total_progress_{0};
  std::atomic<std::chrono::milliseconds> silent_{
      std::chrono::milliseconds(0)};  // for how long rank 0 has been
  std::thread thread_;
};

}  // namespace pprun
