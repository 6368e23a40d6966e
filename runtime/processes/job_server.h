// What rank 0 serves to all ranks of a job, itself among them: it lets them in, compares what they
// run, keeps values under keys, judges the reports of each step, and tells everyone when one of
// them fails, goes away, falls silent or never comes. One thread, one connection a rank, no wait
// without an end. Tests: job_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/processes/messages.h"
#include "runtime/processes/socket.h"

namespace pprun {

class JobServer {
 public:
  struct Options {
    std::string job;
    int64_t ranks = 1;
    uint64_t plan_digest = 0;  // of rank 0
    // For all to come, and then for a sign of life of each.
    std::chrono::milliseconds patience{300'000};
    // After a failure, for ranks that have yet to come to hear of it.
    std::chrono::milliseconds linger{3'000};
  };

  JobServer(Descriptor listener, Options options);
  // Returns when all ranks have left, or a failure has reached those that are left.
  ~JobServer();
  JobServer(const JobServer&) = delete;
  JobServer& operator=(const JobServer&) = delete;

 private:
  struct Peer {
    Descriptor socket;
    std::string received;
    std::string to_send;
    enum class State : uint8_t { kNew, kMember, kLeft, kRefused } state = State::kNew;
    int64_t rank = -1;
    std::string host;
    enum class Place : uint8_t { kHere, kElsewhere } place = Place::kHere;
    int64_t progress = 0;
    std::chrono::milliseconds silent{0};
  };
  struct Slot {
    std::vector<std::optional<StepReport>> reports;
    int64_t posted = 0;
  };

  void Serve();
  // One look at all connections, at most `patience` long.
  void Look(std::chrono::milliseconds patience);
  void CountSilence(std::chrono::milliseconds passed);
  bool Done() const;
  void Accept();
  void Receive(Peer& peer);
  void Flush(Peer& peer);
  // The connection ended, or made no sense.
  void Lose(Peer& peer, const std::string& why);
  void Handle(Peer& peer, const Message& message);
  void Join(Peer& peer, const Hello& hello);
  void Refuse(Peer& peer, const std::string& why);
  // ", and rank 3 on node02 has not been heard of for 200 s"; empty if nobody is so silent.
  std::string Silent() const;
  void Welcome();
  void Set(const std::string& key, std::string value);
  void Get(Peer& peer, const std::string& key);
  void AddReport(const Peer& peer, const StepReport& report);
  void AnswerAlive(Peer& peer, const Alive& alive);
  void Send(Peer& peer, MessageKind kind, std::string_view body);
  void SendAllMembers(MessageKind kind, std::string_view body);
  void Fail(const JobFailure& failure);
  std::string Missing() const;

  Descriptor listener_;
  const Options options_;
  std::vector<Peer> peers_;
  int64_t joined_ = 0;
  int64_t left_ = 0;
  std::chrono::milliseconds joining_{0};
  std::map<std::string, std::string> values_;
  size_t stored_bytes_ = 0;
  std::multimap<std::string, int64_t> waiting_;  // ranks, by key
  std::map<int64_t, Slot> slots_;                // by round
  int64_t judged_ = 0;                           // rounds
  std::optional<JobFailure> failure_;
  std::chrono::milliseconds lingered_{0};
  const StopSignal never_;
  std::thread thread_;
};

// "rank 3 on node02"
std::string RankOn(int64_t rank, const std::string& host);
// "rank 3 on node02 has not been heard of for 300 s"
std::string SilenceOf(int64_t rank, const std::string& host, std::chrono::milliseconds time);

}  // namespace pprun
