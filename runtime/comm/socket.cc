#include "runtime/comm/socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"
#include "runtime/comm/rank_order_sum.h"
#include "runtime/comm/socket_links.h"
#include "runtime/cpu/cpu_stream.h"

namespace pprun {
namespace {

using kernels::Tensor;

size_t BytesOf(const Tensor& tensor) {
  return static_cast<size_t>(TensorType{tensor.dtype, tensor.shape}.Bytes());
}
std::byte* DataOf(const Tensor& tensor) { return static_cast<std::byte*>(tensor.data); }

void Copy(std::byte* to, const std::byte* from, size_t bytes) {
  if (to != from) std::memcpy(to, from, bytes);
}

SocketPiece Out(int socket, const std::byte* data, size_t bytes) {
  return {SocketPiece::Way::kOut, socket, const_cast<std::byte*>(data), bytes};
}
SocketPiece In(int socket, std::byte* data, size_t bytes) {
  return {SocketPiece::Way::kIn, socket, data, bytes};
}
std::byte* BytesAt(uint64_t& number) { return reinterpret_cast<std::byte*>(&number); }

void CheckSameSize(uint64_t own, uint64_t other, int64_t peer) {
  if (own == other) return;
  throw std::runtime_error("rank " + std::to_string(peer) + " meets with " + std::to_string(other) +
                           " bytes where this rank has " + std::to_string(own));
}

class SocketMeeting : public PreparedMeeting, public CpuTask {
 public:
  void Issue(DeviceStream& stream) override { dynamic_cast<CpuStream&>(stream).Issue(*this); }
};

class SocketSend : public SocketMeeting {
 public:
  SocketSend(SocketLinks& links, LinkName link, Tensor source)
      : links_(links), link_(link), source_(source) {}

  void Run() override {
    const int socket = links_.DescriptorOf(link_);
    uint64_t wanted = 0;
    std::array asked = {In(socket, BytesAt(wanted), sizeof(wanted))};
    links_.Meet(asked);
    CheckSameSize(BytesOf(source_), wanted, link_.peer);
    std::array sent = {Out(socket, DataOf(source_), BytesOf(source_))};
    links_.Meet(sent);
  }

 private:
  SocketLinks& links_;
  const LinkName link_;
  const Tensor source_;
};

class SocketRecv : public SocketMeeting {
 public:
  SocketRecv(SocketLinks& links, LinkName link, Tensor target)
      : links_(links), link_(link), target_(target) {}

  void Run() override {
    const int socket = links_.DescriptorOf(link_);
    uint64_t wanted = BytesOf(target_);
    std::array pieces = {Out(socket, BytesAt(wanted), sizeof(wanted)),
                         In(socket, DataOf(target_), BytesOf(target_))};
    links_.Meet(pieces);
  }

 private:
  SocketLinks& links_;
  const LinkName link_;
  const Tensor target_;
};

// The members of a group, as this rank reaches them. Its stream is FIFO, so one meeting at a time
// uses what is here.
struct SocketGroup {
  std::vector<int64_t> members;
  size_t index = 0;  // of this rank
  GroupId group;
  std::vector<int> sockets;  // by member; -1 until the first meeting, and for this rank
  std::vector<uint64_t> sizes;
  std::vector<std::byte> scratch;
  std::vector<SocketPiece> pieces;
  std::vector<const void*> sources;

  size_t count() const { return members.size(); }
};

class SocketGroupMeeting : public SocketMeeting {
 public:
  SocketGroupMeeting(SocketLinks& links, SocketGroup& group, Tensor source, Tensor target)
      : links_(links), group_(group), source_(source), target_(target) {}

  void Run() override {
    Gather();
    Do();
  }

 protected:
  virtual void Do() = 0;

  SocketGroup& group() { return group_; }
  std::byte* source() const { return DataOf(source_); }
  std::byte* target() const { return DataOf(target_); }
  const Tensor& source_tensor() const { return source_; }
  size_t source_bytes() const { return BytesOf(source_); }
  size_t target_bytes() const { return BytesOf(target_); }

  // Calls `add` with every other member and its connection; what it adds moves at once.
  template <class Add>
  void WithOthers(Add add) {
    group_.pieces.clear();
    for (size_t i = 0; i < group_.count(); ++i) {
      if (i != group_.index) add(i, group_.sockets[i]);
    }
    links_.Meet(group_.pieces);
  }
  void AddOut(int socket, const std::byte* data, size_t bytes) {
    group_.pieces.push_back(Out(socket, data, bytes));
  }
  void AddIn(int socket, std::byte* data, size_t bytes) {
    group_.pieces.push_back(In(socket, data, bytes));
  }

 private:
  // Returns when all members are here.
  void Gather() {
    for (size_t i = 0; i < group_.count(); ++i) {
      if (i == group_.index || group_.sockets[i] >= 0) continue;
      group_.sockets[i] = links_.DescriptorOf(
          {LinkName::Use::kGroup, static_cast<int64_t>(group_.group.index()), group_.members[i]});
    }
    uint64_t own = source_bytes();
    WithOthers([&](size_t i, int socket) {
      AddOut(socket, BytesAt(own), sizeof(own));
      AddIn(socket, BytesAt(group_.sizes[i]), sizeof(uint64_t));
    });
    for (size_t i = 0; i < group_.count(); ++i) {
      if (i != group_.index) CheckSameSize(own, group_.sizes[i], group_.members[i]);
    }
  }

  SocketLinks& links_;
  SocketGroup& group_;
  const Tensor source_;
  const Tensor target_;
};

// What members sum: each its own part of the elements.
class SocketReduction : public SocketGroupMeeting {
 public:
  enum class Result : uint8_t { kAtAll, kAtRoot, kScattered };

  SocketReduction(SocketLinks& links, SocketGroup& group, Tensor source, Tensor target,
                  Result result, size_t root)
      : SocketGroupMeeting(links, group, source, target), result_(result), root_(root) {
    element_bytes_ = BytesOf(source) / static_cast<size_t>(source.shape.Elements());
    const size_t part = EndOf(group.index) - BeginOf(group.index);
    // One part of each other member, and the sum where it has no target here.
    group.scratch.resize(std::max(group.scratch.size(), part * group.count()));
  }

 private:
  size_t BeginOf(size_t member) {
    const auto elements = static_cast<size_t>(source_tensor().shape.Elements());
    return elements * member / group().count() * element_bytes_;
  }
  size_t EndOf(size_t member) { return BeginOf(member + 1); }

  void Do() override {
    SocketGroup& all = group();
    const size_t begin = BeginOf(all.index);
    const size_t part = EndOf(all.index) - begin;
    std::byte* scratch = all.scratch.data();
    all.sources.assign(all.count(), source() + begin);
    WithOthers([&](size_t i, int socket) {
      AddOut(socket, source() + BeginOf(i), EndOf(i) - BeginOf(i));
      AddIn(socket, scratch, part);
      all.sources[i] = scratch;
      scratch += part;
    });
    std::byte* const sum = result_ == Result::kScattered ? target()
                           : HasTarget()                 ? target() + begin
                                                         : scratch;
    void* const sums[] = {sum};
    SumInRankOrder(source_tensor().dtype, all.sources, sums, 0,
                   static_cast<int64_t>(part / element_bytes_));
    if (result_ == Result::kScattered) return;
    WithOthers([&](size_t i, int socket) {
      if (result_ == Result::kAtAll || i == root_) AddOut(socket, sum, part);
      if (HasTarget()) AddIn(socket, target() + BeginOf(i), EndOf(i) - BeginOf(i));
    });
  }
  bool HasTarget() { return result_ == Result::kAtAll || group().index == root_; }

  const Result result_;
  const size_t root_;
  size_t element_bytes_ = 1;
};

// What members pass on as it is.
class SocketPassing : public SocketGroupMeeting {
 public:
  SocketPassing(SocketLinks& links, SocketGroup& group, Tensor source, Tensor target,
                CollectiveKind kind, size_t root)
      : SocketGroupMeeting(links, group, source, target), kind_(kind), root_(root) {}

 private:
  void Do() override {
    const size_t own = group().index;
    const size_t count = group().count();
    switch (kind_) {
      case CollectiveKind::kAllGather: {
        const size_t bytes = source_bytes();
        CHECK(target_bytes() == bytes * count);
        WithOthers([&](size_t i, int socket) {
          AddOut(socket, source(), bytes);
          AddIn(socket, target() + bytes * i, bytes);
        });
        return Copy(target() + bytes * own, source(), bytes);
      }
      case CollectiveKind::kAllToAll: {
        const size_t bytes = source_bytes() / count;
        CHECK(target_bytes() == source_bytes() && bytes * count == source_bytes());
        WithOthers([&](size_t i, int socket) {
          AddOut(socket, source() + bytes * i, bytes);
          AddIn(socket, target() + bytes * i, bytes);
        });
        return Copy(target() + bytes * own, source() + bytes * own, bytes);
      }
      case CollectiveKind::kBroadcast: {
        WithOthers([&](size_t i, int socket) {
          if (own == root_) AddOut(socket, source(), source_bytes());
          if (i == root_) AddIn(socket, target(), target_bytes());
        });
        if (own == root_) Copy(target(), source(), source_bytes());
        return;
      }
      case CollectiveKind::kAllReduce:
      case CollectiveKind::kReduce:
      case CollectiveKind::kReduceScatter:
        break;
    }
    CHECK(false);
  }

  const CollectiveKind kind_;
  const size_t root_;
};

class SocketPermute : public SocketGroupMeeting {
 public:
  SocketPermute(SocketLinks& links, SocketGroup& group, Tensor source, Tensor target, int32_t shift)
      : SocketGroupMeeting(links, group, source, target) {
    const auto count = static_cast<int64_t>(group.count());
    const int64_t places = (shift % count + count) % count;
    to_ = (group.index + static_cast<size_t>(places)) % group.count();
    from_ = (group.index + static_cast<size_t>(count - places)) % group.count();
  }

 private:
  void Do() override {
    WithOthers([&](size_t i, int socket) {
      if (i == to_) AddOut(socket, source(), source_bytes());
      if (i == from_) AddIn(socket, target(), target_bytes());
    });
    if (to_ == group().index) Copy(target(), source(), source_bytes());
  }

  size_t to_ = 0;
  size_t from_ = 0;
};

class SocketCommunicator : public Communicator {
 public:
  explicit SocketCommunicator(Job& job) : links_(job) {}

  std::unique_ptr<PreparedMeeting> PrepareSend(ChannelId channel, int64_t peer,
                                               Tensor source) override {
    const LinkName link = LinkOf(channel, peer);
    links_.Connect(link);
    return std::make_unique<SocketSend>(links_, link, source);
  }
  std::unique_ptr<PreparedMeeting> PrepareRecv(ChannelId channel, int64_t peer,
                                               Tensor target) override {
    return std::make_unique<SocketRecv>(links_, LinkOf(channel, peer), target);
  }
  std::unique_ptr<PreparedMeeting> PrepareCollective(CollectiveKind kind, GroupId group,
                                                     std::span<const int64_t> members,
                                                     Tensor source, Tensor target,
                                                     int32_t root) override {
    CHECK(root >= 0 && static_cast<size_t>(root) < members.size());
    SocketGroup& own = GroupOf(group, members);
    const auto at = static_cast<size_t>(root);
    const auto reduction = [&](SocketReduction::Result result) {
      return std::make_unique<SocketReduction>(links_, own, source, target, result, at);
    };
    switch (kind) {
      case CollectiveKind::kAllReduce:
        return reduction(SocketReduction::Result::kAtAll);
      case CollectiveKind::kReduce:
        return reduction(SocketReduction::Result::kAtRoot);
      case CollectiveKind::kReduceScatter:
        CHECK(BytesOf(source) == BytesOf(target) * members.size());
        return reduction(SocketReduction::Result::kScattered);
      case CollectiveKind::kAllGather:
      case CollectiveKind::kBroadcast:
      case CollectiveKind::kAllToAll:
        return std::make_unique<SocketPassing>(links_, own, source, target, kind, at);
    }
    CHECK(false);
    return nullptr;
  }
  std::unique_ptr<PreparedMeeting> PreparePermute(GroupId group, std::span<const int64_t> members,
                                                  Tensor source, Tensor target,
                                                  int32_t shift) override {
    return std::make_unique<SocketPermute>(links_, GroupOf(group, members), source, target, shift);
  }
  void Abort(const std::string& why) override { links_.Abort(why); }

 private:
  static LinkName LinkOf(ChannelId channel, int64_t peer) {
    return {LinkName::Use::kChannel, static_cast<int64_t>(channel.index()), peer};
  }

  SocketGroup& GroupOf(GroupId group, std::span<const int64_t> members) {
    auto& own = groups_[group];
    if (own) {
      CHECK(std::ranges::equal(own->members, members));
      return *own;
    }
    own = std::make_unique<SocketGroup>();
    own->members.assign(members.begin(), members.end());
    own->group = group;
    own->index = static_cast<size_t>(std::ranges::find(members, links_.rank()) - members.begin());
    CHECK(own->index < members.size());
    own->sockets.assign(members.size(), -1);
    own->sizes.resize(members.size());
    own->pieces.reserve(2 * members.size());
    own->sources.resize(members.size());
    // One of each pair connects.
    for (const int64_t member : members) {
      if (member >= links_.rank()) continue;
      links_.Connect({LinkName::Use::kGroup, static_cast<int64_t>(group.index()), member});
    }
    return *own;
  }

  SocketLinks links_;
  std::map<GroupId, std::unique_ptr<SocketGroup>> groups_;
};

}  // namespace

std::unique_ptr<Communicator> MakeSocketCommunicator(Job& job) {
  return std::make_unique<SocketCommunicator>(job);
}

}  // namespace pprun
