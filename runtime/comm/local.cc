#include "runtime/comm/local.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/comm/local_points.h"
#include "runtime/comm/rank_order_sum.h"
#include "runtime/cpu/cpu_stream.h"

namespace pprun {
namespace {

using kernels::Tensor;

int64_t BytesOf(const Tensor& tensor) { return TensorType{tensor.dtype, tensor.shape}.Bytes(); }

// Copies `bytes` from one tensor to another, at these byte offsets. Source and target may be the
// same place, as in an all_gather whose source is its part of the target.
void Copy(const Tensor& target, int64_t target_offset, const Tensor& source, int64_t source_offset,
          int64_t bytes) {
  std::byte* const to = static_cast<std::byte*>(target.data) + target_offset;
  const std::byte* const from = static_cast<const std::byte*>(source.data) + source_offset;
  if (to != from) std::memcpy(to, from, static_cast<size_t>(bytes));
}

// A prepared meeting of the CPU: a task on the stream that it is issued to.
class LocalMeeting : public PreparedMeeting, public CpuTask {
 public:
  void Issue(DeviceStream& stream) override { dynamic_cast<CpuStream&>(stream).Issue(*this); }
};

class LocalSend : public LocalMeeting {
 public:
  LocalSend(LocalTransferPoint& point, Tensor source) : point_(point), source_(source) {}
  void Run() override { point_.Send(source_); }

 private:
  LocalTransferPoint& point_;
  Tensor source_;
};

class LocalRecv : public LocalMeeting {
 public:
  LocalRecv(LocalTransferPoint& point, Tensor target) : point_(point), target_(target) {}
  void Run() override { point_.Receive(target_); }

 private:
  LocalTransferPoint& point_;
  Tensor target_;
};

// What a member does between the barriers of a collective, by kind. All members have the same kind
// and sizes, as matching proves.
struct Part {
  std::span<const LocalCollectivePoint::Member> members;
  size_t index;  // of this member
  // Of this rank's own, as scratch for the addresses of the others.
  std::vector<const void*>& sources;
  std::vector<void*>& targets;

  const Tensor& source() const { return *members[index].source; }
  const Tensor& target() const { return *members[index].target; }
  int64_t count() const { return static_cast<int64_t>(members.size()); }

  // Sums this member's part of the elements into the targets.
  void ReducePart() const {
    const int64_t elements = source().shape.Elements();
    const auto begin_of = [&](int64_t member) { return elements * member / count(); };
    for (size_t i = 0; i < members.size(); ++i) sources[i] = members[i].source->data;
    SumInRankOrder(source().dtype, sources, targets, begin_of(static_cast<int64_t>(index)),
                   begin_of(static_cast<int64_t>(index) + 1));
  }

  void AllReduce() const {
    targets.resize(members.size());
    for (size_t i = 0; i < members.size(); ++i) targets[i] = members[i].target->data;
    ReducePart();
  }
  void Reduce(size_t root) const {
    targets.assign(1, members[root].target->data);
    ReducePart();
  }
  void ReduceScatter() const {
    const int64_t bytes = BytesOf(target());
    CHECK(BytesOf(source()) == bytes * count());
    for (size_t i = 0; i < members.size(); ++i) {
      sources[i] = static_cast<const std::byte*>(members[i].source->data) +
                   bytes * static_cast<int64_t>(index);
    }
    targets.assign(1, target().data);
    SumInRankOrder(target().dtype, sources, targets, 0, target().shape.Elements());
  }
  void AllGather() const {
    const int64_t bytes = BytesOf(source());
    CHECK(BytesOf(target()) == bytes * count());
    for (size_t i = 0; i < members.size(); ++i) {
      Copy(target(), bytes * static_cast<int64_t>(i), *members[i].source, 0, bytes);
    }
  }
  void AllToAll() const {
    const int64_t bytes = BytesOf(source()) / count();
    CHECK(BytesOf(target()) == bytes * count() && BytesOf(source()) == BytesOf(target()));
    for (size_t i = 0; i < members.size(); ++i) {
      Copy(target(), bytes * static_cast<int64_t>(i), *members[i].source,
           bytes * static_cast<int64_t>(index), bytes);
    }
  }
  void CopyFrom(size_t member) const {
    CHECK(BytesOf(*members[member].source) == BytesOf(target()));
    Copy(target(), 0, *members[member].source, 0, BytesOf(target()));
  }

  void Do(CollectiveKind kind, size_t root) const {
    switch (kind) {
      case CollectiveKind::kAllReduce:
        return AllReduce();
      case CollectiveKind::kAllGather:
        return AllGather();
      case CollectiveKind::kReduceScatter:
        return ReduceScatter();
      case CollectiveKind::kBroadcast:
        return CopyFrom(root);
      case CollectiveKind::kReduce:
        return Reduce(root);
      case CollectiveKind::kAllToAll:
        return AllToAll();
    }
    CHECK(false);
  }
};

class LocalGroupMeeting : public LocalMeeting {
 public:
  LocalGroupMeeting(LocalCollectivePoint& point, size_t index, Tensor source, Tensor target)
      : point_(point),
        index_(index),
        source_(source),
        target_(target),
        sources_(point.members().size()) {
    targets_.reserve(sources_.size());
  }

  void Run() override {
    point_.Arrive(index_, {&source_, &target_});
    DoPart({point_.members(), index_, sources_, targets_});
    point_.Leave();
  }

 protected:
  virtual void DoPart(const Part& part) = 0;

 private:
  LocalCollectivePoint& point_;
  const size_t index_;
  Tensor source_;
  Tensor target_;
  std::vector<const void*> sources_;
  std::vector<void*> targets_;
};

class LocalCollective : public LocalGroupMeeting {
 public:
  LocalCollective(CollectiveKind kind, size_t root, LocalCollectivePoint& point, size_t index,
                  Tensor source, Tensor target)
      : LocalGroupMeeting(point, index, source, target), kind_(kind), root_(root) {}

 private:
  void DoPart(const Part& part) override { part.Do(kind_, root_); }

  const CollectiveKind kind_;
  const size_t root_;
};

class LocalPermute : public LocalGroupMeeting {
 public:
  LocalPermute(size_t from, LocalCollectivePoint& point, size_t index, Tensor source, Tensor target)
      : LocalGroupMeeting(point, index, source, target), from_(from) {}

 private:
  void DoPart(const Part& part) override { part.CopyFrom(from_); }

  const size_t from_;
};

size_t IndexOf(std::span<const int64_t> members, int64_t rank) {
  const auto found = std::ranges::find(members, rank);
  CHECK(found != members.end());
  return static_cast<size_t>(found - members.begin());
}

}  // namespace

class LocalCommunicator : public Communicator {
 public:
  LocalCommunicator(LocalHub& hub, int64_t rank) : hub_(hub), rank_(rank) {}

  std::unique_ptr<PreparedMeeting> PrepareSend(ChannelId channel, int64_t peer,
                                               Tensor source) override {
    return std::make_unique<LocalSend>(hub_.TransferPoint(channel, rank_, peer), source);
  }
  std::unique_ptr<PreparedMeeting> PrepareRecv(ChannelId channel, int64_t peer,
                                               Tensor target) override {
    return std::make_unique<LocalRecv>(hub_.TransferPoint(channel, peer, rank_), target);
  }
  std::unique_ptr<PreparedMeeting> PrepareCollective(CollectiveKind kind, GroupId group,
                                                     std::span<const int64_t> members,
                                                     Tensor source, Tensor target,
                                                     int32_t root) override {
    const size_t index = IndexOf(members, rank_);
    CHECK(root >= 0 && static_cast<size_t>(root) < members.size());
    return std::make_unique<LocalCollective>(
        kind, static_cast<size_t>(root),
        hub_.CollectivePoint(group, {members.begin(), members.end()}), index, source, target);
  }
  std::unique_ptr<PreparedMeeting> PreparePermute(GroupId group, std::span<const int64_t> members,
                                                  Tensor source, Tensor target,
                                                  int32_t shift) override {
    const auto count = static_cast<int64_t>(members.size());
    const size_t index = IndexOf(members, rank_);
    const int64_t from = ((static_cast<int64_t>(index) - shift) % count + count) % count;
    return std::make_unique<LocalPermute>(
        static_cast<size_t>(from), hub_.CollectivePoint(group, {members.begin(), members.end()}),
        index, source, target);
  }
  void Abort(const std::string& why) override { hub_.Abort(why); }

 private:
  LocalHub& hub_;
  const int64_t rank_;
};

LocalHub::LocalHub(int64_t ranks) : ranks_(ranks) {}

LocalHub::~LocalHub() = default;

std::unique_ptr<Communicator> LocalHub::CommunicatorOf(int64_t rank) {
  CHECK(rank >= 0 && rank < ranks_);
  return std::make_unique<LocalCommunicator>(*this, rank);
}

void LocalHub::Abort(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (aborted()) return;
  why_ = why;
  aborted_.store(true, std::memory_order_release);
  for (const auto& [key, point] : transfers_) point->WakeAll();
  for (const auto& [key, point] : collectives_) point->WakeAll();
}

std::string LocalHub::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

LocalTransferPoint& LocalHub::TransferPoint(ChannelId channel, int64_t from, int64_t to) {
  CHECK(to >= 0 && to < ranks_ && from >= 0 && from < ranks_);
  const std::lock_guard lock(mutex_);
  auto& point = transfers_[{channel, from, to}];
  if (!point) point = std::make_unique<LocalTransferPoint>(*this);
  return *point;
}

LocalCollectivePoint& LocalHub::CollectivePoint(GroupId group, std::vector<int64_t> members) {
  const std::lock_guard lock(mutex_);
  const size_t count = members.size();
  auto& point = collectives_[{group, std::move(members)}];
  if (!point) point = std::make_unique<LocalCollectivePoint>(*this, count);
  return *point;
}

}  // namespace pprun
