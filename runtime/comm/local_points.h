// Where the participants of local meetings find each other: one point a channel and pair of ranks,
// one a group and its members. The streams of a channel or group are FIFO, so at most one meeting
// is in progress at a point. Once participants use each other's buffers, no abort parts them: a
// buffer is free when its meeting has returned or thrown. Included by comm/local*.cc only. Tests:
// local_test.cc.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "runtime/comm/local.h"

namespace pprun {

class LocalTransferPoint : public LocalMeetingPoint {
 public:
  explicit LocalTransferPoint(const LocalHub& hub) : hub_(hub) {}

  // Returns when the receiver has copied.
  void Send(const kernels::Tensor& source);
  // Waits for the sender, copies, and lets it go.
  void Receive(const kernels::Tensor& target);
  void WakeAll() override;

 private:
  enum class State : uint8_t { kEmpty, kOffered, kCopying, kCopied };

  const LocalHub& hub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kEmpty;
  const kernels::Tensor* offered_ = nullptr;
};

class LocalCollectivePoint : public LocalMeetingPoint {
 public:
  struct Member {
    const kernels::Tensor* source = nullptr;
    const kernels::Tensor* target = nullptr;
  };

  LocalCollectivePoint(const LocalHub& hub, size_t members) : hub_(hub), members_(members) {}

  // Offers this member's tensors and returns when all members have offered theirs.
  void Arrive(size_t index, Member own);
  // Returns when all members have done their part.
  void Leave();
  const std::vector<Member>& members() const { return members_; }
  void WakeAll() override;

 private:
  // Under the lock: arrives, and opens the barrier if all have.
  bool LastAtBarrier();

  const LocalHub& hub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Written by their members before the first barrier, read by all between the two.
  std::vector<Member> members_;
  size_t arrived_ = 0;
  uint64_t barriers_ = 0;
};

}  // namespace pprun
