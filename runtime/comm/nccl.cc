#include "runtime/comm/nccl.h"

#include <algorithm>
#include <span>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/cuda/cuda_stream.h"

namespace pprun {
namespace {

using kernels::Tensor;

size_t CountOf(const Tensor& tensor) { return static_cast<size_t>(tensor.shape.Elements()); }

// The element at an index, as an address.
void* At(const Tensor& tensor, size_t element) {
  const size_t bytes = static_cast<size_t>(TensorType{tensor.dtype, tensor.shape}.Bytes());
  return static_cast<std::byte*>(tensor.data) + bytes / CountOf(tensor) * element;
}

class NcclMeeting : public PreparedMeeting {
 public:
  NcclMeeting(NcclWorld& world, NcclHandle comm) : world_(world), comm_(comm) {}
  void Issue(DeviceStream& stream) override {
    auto& own = dynamic_cast<CudaStream&>(stream);
    own.Attempt([&] {
      const auto turn = world_.Turn();
      IssueTo(own.handle());
    });
  }

 protected:
  virtual void IssueTo(CudaStreamHandle stream) = 0;
  NcclApi& api() { return world_.api(); }
  NcclHandle comm() const { return comm_; }
  void Check(NcclStatus status, const char* call) { world_.Check(status, call, comm_); }
  // Between the two nothing waits: what is in progress is so until the group ends.
  void CheckInGroup(NcclStatus status, const char* call) {
    if (status != NcclStatus::kInProgress) world_.Check(status, call, comm_);
  }

 private:
  NcclWorld& world_;
  const NcclHandle comm_;
};

class NcclTransfer : public NcclMeeting {
 public:
  enum class Way : uint8_t { kSend, kRecv };
  NcclTransfer(NcclWorld& world, NcclHandle comm, Way way, int peer, Tensor tensor)
      : NcclMeeting(world, comm), way_(way), peer_(peer), tensor_(tensor) {}

 private:
  void IssueTo(CudaStreamHandle stream) override {
    const size_t count = CountOf(tensor_);
    if (way_ == Way::kSend) {
      Check(api().Send(tensor_.data, count, tensor_.dtype, peer_, comm(), stream), "ncclSend");
    } else {
      Check(api().Recv(tensor_.data, count, tensor_.dtype, peer_, comm(), stream), "ncclRecv");
    }
  }

  const Way way_;
  const int peer_;
  const Tensor tensor_;
};

class NcclCollective : public NcclMeeting {
 public:
  NcclCollective(NcclWorld& world, NcclHandle comm, CollectiveKind kind, size_t members, int root,
                 Tensor source, Tensor target)
      : NcclMeeting(world, comm),
        kind_(kind),
        members_(members),
        root_(root),
        source_(source),
        target_(target) {}

 private:
  void IssueTo(CudaStreamHandle stream) override {
    const void* const from = source_.data;
    void* const to = target_.data;
    const size_t count = CountOf(source_);
    const DType dtype = source_.dtype;
    switch (kind_) {
      case CollectiveKind::kAllReduce:
        return Check(api().AllReduce(from, to, count, dtype, comm(), stream), "ncclAllReduce");
      case CollectiveKind::kReduce:
        return Check(api().Reduce(from, to, count, dtype, root_, comm(), stream), "ncclReduce");
      case CollectiveKind::kReduceScatter:
        return Check(api().ReduceScatter(from, to, CountOf(target_), dtype, comm(), stream),
                     "ncclReduceScatter");
      case CollectiveKind::kAllGather:
        return Check(api().AllGather(from, to, count, dtype, comm(), stream), "ncclAllGather");
      case CollectiveKind::kBroadcast:
        return Check(api().Broadcast(from, to, count, dtype, root_, comm(), stream),
                     "ncclBroadcast");
      case CollectiveKind::kAllToAll:
        return AllToAll(stream);
    }
    CHECK(false);
  }

  void AllToAll(CudaStreamHandle stream) {
    const size_t part = CountOf(source_) / members_;
    Check(api().GroupStart(), "ncclGroupStart");
    for (size_t peer = 0; peer < members_; ++peer) {
      const auto number = static_cast<int>(peer);
      CheckInGroup(
          api().Send(At(source_, part * peer), part, source_.dtype, number, comm(), stream),
          "ncclSend");
      CheckInGroup(
          api().Recv(At(target_, part * peer), part, target_.dtype, number, comm(), stream),
          "ncclRecv");
    }
    Check(api().GroupEnd(), "ncclGroupEnd");
  }

  const CollectiveKind kind_;
  const size_t members_;
  const int root_;
  const Tensor source_, target_;
};

class NcclPermute : public NcclMeeting {
 public:
  NcclPermute(NcclWorld& world, NcclHandle comm, int to, int from, Tensor source, Tensor target)
      : NcclMeeting(world, comm), to_(to), from_(from), source_(source), target_(target) {}

 private:
  void IssueTo(CudaStreamHandle stream) override {
    Check(api().GroupStart(), "ncclGroupStart");
    CheckInGroup(api().Send(source_.data, CountOf(source_), source_.dtype, to_, comm(), stream),
                 "ncclSend");
    CheckInGroup(api().Recv(target_.data, CountOf(target_), target_.dtype, from_, comm(), stream),
                 "ncclRecv");
    Check(api().GroupEnd(), "ncclGroupEnd");
  }

  const int to_, from_;
  const Tensor source_, target_;
};

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(NcclWorld& world, int64_t rank, std::function<void(const std::string&)> abort)
      : world_(world), rank_(rank), abort_(std::move(abort)) {}

  std::unique_ptr<PreparedMeeting> PrepareSend(ChannelId channel, int64_t peer,
                                               Tensor source) override {
    return Transfer(channel, peer, NcclTransfer::Way::kSend, source);
  }
  std::unique_ptr<PreparedMeeting> PrepareRecv(ChannelId channel, int64_t peer,
                                               Tensor target) override {
    return Transfer(channel, peer, NcclTransfer::Way::kRecv, target);
  }
  std::unique_ptr<PreparedMeeting> PrepareCollective(CollectiveKind kind, GroupId group,
                                                     std::span<const int64_t> members,
                                                     Tensor source, Tensor target,
                                                     int32_t root) override {
    CHECK(root >= 0 && static_cast<size_t>(root) < members.size());
    return std::make_unique<NcclCollective>(world_, world_.OfGroup(group), kind, members.size(),
                                            root, source, target);
  }
  std::unique_ptr<PreparedMeeting> PreparePermute(GroupId group, std::span<const int64_t> members,
                                                  Tensor source, Tensor target,
                                                  int32_t shift) override {
    const auto count = static_cast<int64_t>(members.size());
    const int64_t index = std::ranges::find(members, rank_) - members.begin();
    CHECK(index < count);
    const int64_t places = (shift % count + count) % count;
    return std::make_unique<NcclPermute>(
        world_, world_.OfGroup(group), static_cast<int>((index + places) % count),
        static_cast<int>((index + count - places) % count), source, target);
  }
  void Abort(const std::string& why) override { abort_(why); }

 private:
  // A channel's communicator has the lower rank as its rank 0.
  std::unique_ptr<PreparedMeeting> Transfer(ChannelId channel, int64_t peer, NcclTransfer::Way way,
                                            Tensor tensor) {
    return std::make_unique<NcclTransfer>(world_, world_.OfChannel(channel), way,
                                          peer > rank_ ? 1 : 0, tensor);
  }

  NcclWorld& world_;
  const int64_t rank_;
  const std::function<void(const std::string&)> abort_;
};

}  // namespace

std::unique_ptr<Communicator> MakeNcclCommunicator(NcclWorld& world, int64_t rank,
                                                   std::function<void(const std::string&)> abort) {
  return std::make_unique<NcclCommunicator>(world, rank, std::move(abort));
}

}  // namespace pprun
