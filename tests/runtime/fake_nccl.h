// NCCL that is none: it records every call of one rank, answers as a library that does not block
// does, fails where it is told to, and keeps NCCL's rules. A breach fails the test that made it:
// two threads within NCCL at once; a call on a communicator that is in progress or gone; one
// destroyed that is not finalized; an abort that would wait for ever.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/comm/nccl_api.h"

namespace pprun {

class FakeNccl : public NcclApi {
 public:
  // How often a communicator says that it is in progress after each call.
  int polls_in_progress = 2;
  int polls_of_splits = 2;
  // How long each call takes.
  std::chrono::microseconds call_time{0};

  ~FakeNccl() override {
    for (const std::string& violation : violations_) ADD_FAILURE() << violation;
  }

  // From now on that call returns this status; "CommGetAsyncError" is what a communicator reports.
  void FailCall(const std::string& call, NcclStatus status) {
    const std::lock_guard lock(mutex_);
    failures_[call] = status;
  }
  // One graph holds work of these communicators, and is replayed: no abort of any communicator ends
  // before all of them are told to.
  void Capture(std::set<NcclHandle> comms) { captured_ = std::move(comms); }
  // "init 4 rank 2 = c1", "split c1 color 0 key 2 = c2", "all_reduce c2 f32 x 8 on s3".
  std::vector<std::string> TakeLog() {
    const std::lock_guard lock(mutex_);
    return std::exchange(log_, {});
  }

  std::string GetErrorString(NcclStatus status) override {
    return status == NcclStatus::kRemoteError ? "remote error" : "internal error";
  }
  std::string GetLastError(NcclHandle) override { return ""; }
  NcclStatus GetUniqueId(NcclId* id) override {
    id->fill('i');
    return Do("GetUniqueId", "id", nullptr);
  }
  NcclStatus CommInitRankConfig(NcclHandle* comm, int ranks, const NcclId& id, int rank) override {
    *comm = New();
    return Do("CommInitRankConfig",
              "init " + std::to_string(ranks) + " rank " + std::to_string(rank) + " id " + id[0] +
                  " = " + NameOf(*comm),
              *comm);
  }
  NcclStatus CommSplit(NcclHandle comm, int color, int key, NcclHandle* made) override {
    const NcclHandle child = color == kNcclNoColor ? nullptr : New();
    {
      // Written when the split is over, however it ends.
      const std::lock_guard lock(mutex_);
      splits_[comm] = {made, child};
    }
    const NcclStatus status =
        Do("CommSplit",
           "split " + NameOf(comm) + " color " + std::to_string(color) + " key " +
               std::to_string(key) + (child == nullptr ? "" : " = " + NameOf(child)),
           comm);
    if (status != NcclStatus::kInProgress) EndSplit(comm);
    return status;
  }
  NcclStatus CommGetAsyncError(NcclHandle comm, NcclStatus* status) override {
    const Inside inside(*this);
    const std::lock_guard lock(mutex_);
    if (gone_.contains(comm)) Violate("asks for the state of " + NameOf(comm) + ", which is gone");
    int& left = pending_[comm];
    *status = left > 0 ? NcclStatus::kInProgress : NcclStatus::kSuccess;
    if (left > 0) --left;
    if (*status == NcclStatus::kSuccess) EndSplitLocked(comm);
    const auto failure = failures_.find("CommGetAsyncError");
    if (failure != failures_.end()) *status = failure->second;
    return NcclStatus::kSuccess;
  }
  NcclStatus CommFinalize(NcclHandle comm) override {
    const NcclStatus status = Do("CommFinalize", "finalize " + NameOf(comm), comm);
    const std::lock_guard lock(mutex_);
    finalized_.insert(comm);
    return status;
  }
  NcclStatus CommDestroy(NcclHandle comm) override {
    const NcclStatus status = Do("CommDestroy", "destroy " + NameOf(comm), nullptr);
    const std::lock_guard lock(mutex_);
    if (!finalized_.contains(comm) || pending_[comm] > 0)
      Violate(NameOf(comm) + " is not finalized");
    gone_.insert(comm);
    return status;
  }
  NcclStatus CommAbort(NcclHandle comm) override {
    const NcclStatus status = Do("CommAbort", "abort " + NameOf(comm), nullptr);
    EndSplit(comm);
    const std::lock_guard lock(mutex_);
    if (!gone_.insert(comm).second) Violate(NameOf(comm) + " is aborted twice");
    if (group_ > 0) ++aborts_;
    if (group_ == 0) CheckAbortEnds();
    return status;
  }
  NcclStatus GroupStart() override {
    const NcclStatus status = Do("GroupStart", "group", nullptr);
    const std::lock_guard lock(mutex_);
    ++group_;
    return status;
  }
  NcclStatus GroupEnd() override {
    const NcclStatus status = Do("GroupEnd", "end", nullptr);
    const std::lock_guard lock(mutex_);
    if (--group_ < 0) Violate("a group ends that has not begun");
    if (std::exchange(aborts_, 0) > 0) CheckAbortEnds();
    if (status != NcclStatus::kSuccess || polls_in_progress == 0 || grouped_.empty()) return status;
    for (const NcclHandle comm : std::exchange(grouped_, {})) pending_[comm] = polls_in_progress;
    return NcclStatus::kInProgress;
  }
  NcclStatus Send(const void*, size_t count, DType dtype, int peer, NcclHandle comm,
                  CudaStreamHandle stream) override {
    return Work("Send", "send to " + std::to_string(peer), count, dtype, comm, stream);
  }
  NcclStatus Recv(void*, size_t count, DType dtype, int peer, NcclHandle comm,
                  CudaStreamHandle stream) override {
    return Work("Recv", "recv from " + std::to_string(peer), count, dtype, comm, stream);
  }
  NcclStatus AllReduce(const void*, void*, size_t count, DType dtype, NcclHandle comm,
                       CudaStreamHandle stream) override {
    return Work("AllReduce", "all_reduce", count, dtype, comm, stream);
  }
  NcclStatus Reduce(const void*, void*, size_t count, DType dtype, int root, NcclHandle comm,
                    CudaStreamHandle stream) override {
    return Work("Reduce", "reduce to " + std::to_string(root), count, dtype, comm, stream);
  }
  NcclStatus ReduceScatter(const void*, void*, size_t count, DType dtype, NcclHandle comm,
                           CudaStreamHandle stream) override {
    return Work("ReduceScatter", "reduce_scatter", count, dtype, comm, stream);
  }
  NcclStatus AllGather(const void*, void*, size_t count, DType dtype, NcclHandle comm,
                       CudaStreamHandle stream) override {
    return Work("AllGather", "all_gather", count, dtype, comm, stream);
  }
  NcclStatus Broadcast(const void*, void*, size_t count, DType dtype, int root, NcclHandle comm,
                       CudaStreamHandle stream) override {
    return Work("Broadcast", "broadcast from " + std::to_string(root), count, dtype, comm, stream);
  }

  static std::string NameOf(NcclHandle comm) {
    return "c" + std::to_string(reinterpret_cast<intptr_t>(comm));
  }

 private:
  // A thread within a call.
  class Inside {
   public:
    explicit Inside(FakeNccl& fake) : fake_(fake) {
      if (fake_.inside_++ > 0) {
        const std::lock_guard lock(fake_.mutex_);
        fake_.Violate("two threads are within NCCL at once");
      }
      if (fake_.call_time.count() > 0) std::this_thread::sleep_for(fake_.call_time);
    }
    ~Inside() { --fake_.inside_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    FakeNccl& fake_;
  };
  struct Split {
    NcclHandle* made = nullptr;
    NcclHandle child = nullptr;
  };

  NcclHandle New() { return reinterpret_cast<NcclHandle>(++made_); }
  void Violate(const std::string& what) { violations_.push_back(what); }

  void EndSplit(NcclHandle comm) {
    const std::lock_guard lock(mutex_);
    EndSplitLocked(comm);
  }
  void EndSplitLocked(NcclHandle comm) {
    const auto found = splits_.find(comm);
    if (found == splits_.end()) return;
    *found->second.made = found->second.child;
    splits_.erase(found);
  }
  // An abort waits for the GPU, and for graphs to go, which is when all of them have let go.
  void CheckAbortEnds() {
    for (const NcclHandle comm : captured_) {
      if (!gone_.contains(comm)) return Violate("an abort waits for ever");
    }
  }

  // A call on a communicator is in progress for a while; within a group that begins at its end.
  NcclStatus Do(const std::string& call, const std::string& line, NcclHandle comm) {
    const Inside inside(*this);
    const std::lock_guard lock(mutex_);
    log_.push_back(line);
    const auto failure = failures_.find(call);
    if (failure != failures_.end()) return failure->second;
    if (comm == nullptr) return NcclStatus::kSuccess;
    if (gone_.contains(comm)) Violate(line + ": it is gone");
    if (pending_[comm] > 0) Violate(line + ": it is in progress");
    if (group_ > 0) grouped_.insert(comm);
    if (polls_in_progress == 0) return NcclStatus::kSuccess;
    if (group_ == 0) pending_[comm] = call == "CommSplit" ? polls_of_splits : polls_in_progress;
    return NcclStatus::kInProgress;
  }
  NcclStatus Work(const std::string& call, const std::string& what, size_t count, DType dtype,
                  NcclHandle comm, CudaStreamHandle stream) {
    return Do(call,
              what + " " + NameOf(comm) + " " + std::string(Name(dtype)) + " x " +
                  std::to_string(count) + " on s" +
                  std::to_string(reinterpret_cast<intptr_t>(stream)),
              comm);
  }

  std::atomic<int> inside_{0};
  std::mutex mutex_;
  std::vector<std::string> log_, violations_;
  std::map<std::string, NcclStatus> failures_;
  std::map<NcclHandle, int> pending_;
  std::map<NcclHandle, Split> splits_;
  std::set<NcclHandle> finalized_, gone_, captured_, grouped_;
  // How deep it is, and how many aborts are in it.
  int group_ = 0;
  int aborts_ = 0;
  intptr_t made_ = 0;
};

}  // namespace pprun
