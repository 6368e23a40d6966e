#include "runtime/cuda/cuda_local.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/cuda/cuda_points.h"

namespace pprun {
namespace {

using kernels::Tensor;

class SendMeeting : public PreparedMeeting {
 public:
  SendMeeting(CudaTransferPoint& point, Tensor source) : point_(point), source_(source) {}
  void Issue(DeviceStream& stream) override {
    point_.Send(dynamic_cast<CudaStream&>(stream), source_);
  }

 private:
  CudaTransferPoint& point_;
  Tensor source_;
};

class RecvMeeting : public PreparedMeeting {
 public:
  RecvMeeting(CudaTransferPoint& point, Tensor target) : point_(point), target_(target) {}
  void Issue(DeviceStream& stream) override {
    point_.Receive(dynamic_cast<CudaStream&>(stream), target_);
  }

 private:
  CudaTransferPoint& point_;
  Tensor target_;
};

class GroupMeeting : public PreparedMeeting {
 public:
  GroupMeeting(CudaGroupPoint& point, size_t index, Tensor source, Tensor target,
               CudaGroupWork work)
      : point_(point), index_(index), source_(source), target_(target), work_(work) {}
  void Issue(DeviceStream& stream) override {
    point_.Arrive(dynamic_cast<CudaStream&>(stream), index_, source_, target_, work_);
  }

 private:
  CudaGroupPoint& point_;
  const size_t index_;
  Tensor source_;
  Tensor target_;
  CudaGroupWork work_;
};

size_t IndexOf(std::span<const int64_t> members, int64_t rank) {
  const auto found = std::ranges::find(members, rank);
  CHECK(found != members.end());
  return static_cast<size_t>(found - members.begin());
}

}  // namespace

class CudaLocalCommunicator : public Communicator {
 public:
  CudaLocalCommunicator(CudaLocalHub& hub, int64_t rank) : hub_(hub), rank_(rank) {}

  std::unique_ptr<PreparedMeeting> PrepareSend(ChannelId channel, int64_t peer,
                                               Tensor source) override {
    return std::make_unique<SendMeeting>(hub_.TransferPoint(channel, rank_, peer), source);
  }
  std::unique_ptr<PreparedMeeting> PrepareRecv(ChannelId channel, int64_t peer,
                                               Tensor target) override {
    return std::make_unique<RecvMeeting>(hub_.TransferPoint(channel, peer, rank_), target);
  }
  std::unique_ptr<PreparedMeeting> PrepareCollective(CollectiveKind kind, GroupId group,
                                                     std::span<const int64_t> members,
                                                     Tensor source, Tensor target,
                                                     int32_t root) override {
    CHECK(root >= 0 && static_cast<size_t>(root) < members.size());
    return Prepare(group, members, source, target,
                   {.collective = kind, .root = static_cast<size_t>(root)});
  }
  std::unique_ptr<PreparedMeeting> PreparePermute(GroupId group, std::span<const int64_t> members,
                                                  Tensor source, Tensor target,
                                                  int32_t shift) override {
    return Prepare(group, members, source, target,
                   {.kind = CudaGroupWork::Kind::kPermute, .shift = shift});
  }
  void Abort(const std::string& why) override { hub_.gpu().abort().Raise(why); }

 private:
  std::unique_ptr<PreparedMeeting> Prepare(GroupId group, std::span<const int64_t> members,
                                           Tensor source, Tensor target, CudaGroupWork work) {
    const size_t index = IndexOf(members, rank_);
    return std::make_unique<GroupMeeting>(hub_.GroupPoint(group, {members.begin(), members.end()}),
                                          index, source, target, work);
  }

  CudaLocalHub& hub_;
  const int64_t rank_;
};

CudaLocalHub::CudaLocalHub(CudaGpu& gpu) : gpu_(gpu) {}

CudaLocalHub::~CudaLocalHub() = default;

std::unique_ptr<Communicator> CudaLocalHub::CommunicatorOf(int64_t rank) {
  return std::make_unique<CudaLocalCommunicator>(*this, rank);
}

CudaTransferPoint& CudaLocalHub::TransferPoint(ChannelId channel, int64_t from, int64_t to) {
  const std::lock_guard lock(mutex_);
  auto& point = transfers_[{channel, from, to}];
  if (!point) point = std::make_unique<CudaTransferPoint>(gpu_.api());
  return *point;
}

CudaGroupPoint& CudaLocalHub::GroupPoint(GroupId group, std::vector<int64_t> members) {
  if (members.size() > CudaLauncher::kMostMembers) {
    throw std::runtime_error("at most " + std::to_string(CudaLauncher::kMostMembers) +
                             " ranks of one GPU add up their values, not " +
                             std::to_string(members.size()));
  }
  const std::lock_guard lock(mutex_);
  const size_t count = members.size();
  auto& point = groups_[{group, std::move(members)}];
  if (!point) point = std::make_unique<CudaGroupPoint>(gpu_.api(), count);
  return *point;
}

}  // namespace pprun
