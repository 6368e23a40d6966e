// NCCL that is none: it records every call of one rank, answers as a library that does not block
// does, and fails where it is told to.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/comm/nccl_api.h"

namespace pprun {

class FakeNccl : public NcclApi {
 public:
  // How often a communicator says that it is in progress after each call.
  int polls_in_progress = 2;
  // From now on that call returns this status; "CommGetAsyncError" is what a communicator reports.
  void FailCall(const std::string& call, NcclStatus status) {
    const std::lock_guard lock(mutex_);
    failures_[call] = status;
  }
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
    *made = color == kNcclNoColor ? nullptr : New();
    return Do("CommSplit",
              "split " + NameOf(comm) + " color " + std::to_string(color) + " key " +
                  std::to_string(key) + (*made == nullptr ? "" : " = " + NameOf(*made)),
              comm);
  }
  NcclStatus CommGetAsyncError(NcclHandle comm, NcclStatus* status) override {
    const std::lock_guard lock(mutex_);
    int& left = pending_[comm];
    *status = left > 0 ? NcclStatus::kInProgress : NcclStatus::kSuccess;
    if (left > 0) --left;
    const auto failure = failures_.find("CommGetAsyncError");
    if (failure != failures_.end()) *status = failure->second;
    return NcclStatus::kSuccess;
  }
  NcclStatus CommFinalize(NcclHandle comm) override {
    return Do("CommFinalize", "finalize " + NameOf(comm), comm);
  }
  NcclStatus CommDestroy(NcclHandle comm) override {
    return Do("CommDestroy", "destroy " + NameOf(comm), nullptr);
  }
  NcclStatus CommAbort(NcclHandle comm) override {
    return Do("CommAbort", "abort " + NameOf(comm), nullptr);
  }
  NcclStatus GroupStart() override { return Do("GroupStart", "group", nullptr); }
  NcclStatus GroupEnd() override { return Do("GroupEnd", "end", nullptr); }
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
  NcclHandle New() { return reinterpret_cast<NcclHandle>(++made_); }

  // A call on a communicator is in progress for a while.
  NcclStatus Do(const std::string& call, const std::string& line, NcclHandle comm) {
    const std::lock_guard lock(mutex_);
    log_.push_back(line);
    const auto failure = failures_.find(call);
    if (failure != failures_.end()) return failure->second;
    if (comm == nullptr || polls_in_progress == 0) return NcclStatus::kSuccess;
    pending_[comm] = polls_in_progress;
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

  std::mutex mutex_;
  std::vector<std::string> log_;
  std::map<std::string, NcclStatus> failures_;
  std::map<NcclHandle, int> pending_;
  intptr_t made_ = 0;
};

}  // namespace pprun
