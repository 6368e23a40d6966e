// The local communicator: ranks that are threads of one process and reach each other's memory.
//
// Every meeting is a true rendezvous: the receiver copies from the sender's buffer while the sender
// waits, and the members of a collective work on each other's buffers between two barriers. Each
// member of a reduction sums its own part of the elements for all, in rank order, so the work is
// shared and the bits are the same whatever the parts. A meeting ends by happening or by an abort;
// whoever watches for progress aborts. Tests: local_test.cc with
// conformance/communicator_conformance.h.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/communicator.h"

namespace pprun {

// Where a meeting's participants find each other. Owned by the hub.
class LocalMeetingPoint {
 public:
  virtual ~LocalMeetingPoint() = default;
  // Wakes everyone who waits here; the hub's `aborted` is set before.
  virtual void WakeAll() = 0;
};

class LocalTransferPoint;
class LocalCollectivePoint;

// Joins the ranks of one process. Outlives their communicators and everything these prepare.
class LocalHub {
 public:
  explicit LocalHub(int64_t ranks);
  ~LocalHub();

  // For the thread and the streams of one rank.
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank);

  // The first reason stays.
  void Abort(const std::string& why);
  bool aborted() const { return aborted_.load(std::memory_order_acquire); }
  // Why, once aborted.
  std::string why() const;

 private:
  friend class LocalCommunicator;

  LocalTransferPoint& TransferPoint(ChannelId channel, int64_t from, int64_t to);
  LocalCollectivePoint& CollectivePoint(GroupId group, std::vector<int64_t> members);

  const int64_t ranks_;
  std::atomic<bool> aborted_{false};
  mutable std::mutex mutex_;
  std::string why_;
  std::map<std::tuple<ChannelId, int64_t, int64_t>, std::unique_ptr<LocalTransferPoint>> transfers_;
  std::map<std::tuple<GroupId, std::vector<int64_t>>, std::unique_ptr<LocalCollectivePoint>>
      collectives_;
};

}  // namespace pprun
