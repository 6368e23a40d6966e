// The connections between this rank and others, one a channel and one a group and pair of its
// members, made when they are prepared or first used. Included by comm/socket*.cc only. Tests:
// socket_communicator_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <tuple>

#include "runtime/processes/job.h"
#include "runtime/processes/socket.h"

namespace pprun {

// What a connection is for.
struct LinkName {
  enum class Use : uint8_t { kChannel, kGroup } use = Use::kChannel;
  int64_t number = 0;  // of the channel or the group
  int64_t peer = 0;

  auto operator<=>(const LinkName&) const = default;
};

class SocketLinks {
 public:
  explicit SocketLinks(Job& job);
  ~SocketLinks();
  SocketLinks(const SocketLinks&) = delete;
  SocketLinks& operator=(const SocketLinks&) = delete;

  int64_t rank() const { return job_.rank(); }
  void Abort(const std::string& why) { job_.Fail({.why = why}); }

  // Makes the connection, once; the peer takes it when it first uses it. Throws as Meet.
  void Connect(const LinkName& link);
  // Its descriptor; waits for the peer to make it if this side does not.
  int DescriptorOf(const LinkName& link);
  // Moves the pieces. Throws AbortedError if the job fails, std::runtime_error if only this fails.
  void Meet(std::span<SocketPiece> pieces);

 private:
  void Accept();
  void TakeIn(Descriptor connection);
  // The reason that all ranks end with, if it comes soon; else this one.
  [[noreturn]] void Throw(const std::string& otherwise);

  Job& job_;
  Job::Listener listener_;
  StopSignal ended_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> aborted_;
  std::map<int64_t, Endpoint> addresses_;
  std::map<LinkName, Descriptor> links_;
  Job::Watch watch_;
  std::thread acceptor_;
};

}  // namespace pprun
