// The NCCL communicators of one rank: one of all ranks, and split from it one a channel of the plan
// and one a group. A split needs every rank, so all ranks make the same splits in the same order,
// also those that they get nothing from; that is the one global order in which NCCL
// is safe. Making them does not block: it is watched with a deadline. A failure that NCCL reports
// later is looked for while the run goes on. Whoever calls NCCL has the turn: the thread that
// issues, the one that looks, or the one that aborts. Tests: nccl_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/abort_signal.h"
#include "runtime/comm/nccl_api.h"
#include "runtime/processes/socket.h"

namespace pprun {

// Who gets which communicator: the same on every rank.
struct NcclSplits {
  // By split, then by rank: all who give the same color share a communicator, in rank order;
  // kNcclNoColor gets none.
  std::vector<std::vector<int>> colors;
  // Which split makes the communicators of each channel, and of each group.
  std::vector<size_t> of_channels, of_groups;
};
// A split takes every rank of the job, so those of which no rank needs two are one: along a
// pipeline of any length, two for each direction.
NcclSplits NcclSplitsOf(const Plan& plan);

class NcclWorld {
 public:
  struct Options {
    int64_t rank = 0;
    std::chrono::milliseconds patience{300'000};  // for NCCL to make or end a communicator
    // Gives rank 0's id to all: called once, with it on rank 0.
    std::function<NcclId(const std::optional<NcclId>& own)> share_id;
    // Called once, by a thread of its own, with what NCCL has reported.
    std::function<void(const std::string&)> on_failure;
  };

  // The api and the abort, which ends its waits, outlive it. Throws std::runtime_error.
  NcclWorld(const Plan& plan, NcclApi& api, AbortSignal& abort, Options options);
  // Nothing that was captured on the communicators is left. After an abort they are not destroyed:
  // the abort frees them.
  ~NcclWorld();
  NcclWorld(const NcclWorld&) = delete;
  NcclWorld& operator=(const NcclWorld&) = delete;

  NcclHandle OfChannel(ChannelId channel) const;
  NcclHandle OfGroup(GroupId group) const;

  // To call NCCL with, while it is held. Throws AbortedError after an abort.
  std::unique_lock<std::mutex> Turn();
  // `call` names the function: "ncclSend". Waits while the call is in progress; throws
  // std::runtime_error if it failed.
  void Check(NcclStatus status, const char* call, NcclHandle comm);
  NcclApi& api() { return api_; }

  // Begins to abort all communicators, on a thread of its own, since that takes until their graphs
  // are gone, and NCCL may hang there too. Their kernels end, and with them what waits for these.
  // From any thread.
  void BeginAbort();

 private:
  void Make(const Plan& plan);
  void Destroy();
  void Watch();
  void AbortAll();
  bool Aborted();

  NcclApi& api_;
  AbortSignal& abort_;
  const Options options_;
  const NcclSplits splits_;
  NcclHandle world_ = nullptr;
  // By split; null where this rank has none. NCCL's threads write to it while one is made.
  std::vector<NcclHandle> made_;
  enum class Stage : uint8_t { kMaking, kMade } stage_ = Stage::kMaking;
  std::mutex turn_;
  std::mutex mutex_;
  enum class State : uint8_t { kUsed, kAborted } state_ = State::kUsed;
  StopSignal ended_;
  std::thread aborter_;
  std::thread watcher_;
};

}  // namespace pprun
