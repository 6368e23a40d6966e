// The local communicator of one GPU, on a fake one: the conformance suite, and the calls that a
// meeting is made of.
#include "runtime/cuda/cuda_local.h"

#include <deque>

#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/cuda_stream.h"
#include "tests/conformance/communicator_conformance.h"
#include "tests/runtime/fake_cuda.h"

namespace pprun {
namespace {

class FakeWorld : public World {
 public:
  explicit FakeWorld(int64_t ranks, uint32_t seed = 1)
      : api_({.seed = seed}), gpu_(api_, 0), hub_(gpu_) {
    for (int64_t rank = 0; rank < ranks; ++rank) {
      devices_.emplace_back(gpu_, rank);
      communicators_.push_back(hub_.CommunicatorOf(rank));
    }
  }
  Device& device(int64_t rank) override { return devices_[static_cast<size_t>(rank)]; }
  Communicator& communicator(int64_t rank) override {
    return *communicators_[static_cast<size_t>(rank)];
  }
  FakeCuda& api() { return api_; }

 private:
  FakeCuda api_;
  CudaGpu gpu_;
  CudaLocalHub hub_;
  std::deque<CudaDevice> devices_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
};

INSTANTIATE_TEST_SUITE_P(
    FakeCuda, CommunicatorConformance,
    testing::Values(WorldCase{"fake_cuda",
                              [](int64_t ranks) { return std::make_unique<FakeWorld>(ranks); },
                              MeetingOrder::kTogether},
                    WorldCase{"fake_cuda_in_another_order",
                              [](int64_t ranks) { return std::make_unique<FakeWorld>(ranks, 2); },
                              MeetingOrder::kTogether}),
    [](const auto& one) { return one.param.name; });

struct Member {
  std::unique_ptr<DeviceMemory> memory;
  std::unique_ptr<DeviceStream> stream;
  kernels::Tensor tensor;
  std::string name;  // of the stream, in the log
};

std::vector<Member> MembersOf(FakeWorld& world, int64_t ranks) {
  std::vector<Member> members;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Member member = {world.device(rank).Allocate(16), world.device(rank).CreateStream("s"), {}, {}};
    member.tensor = {member.memory->data(), DType::kF32, {4}};
    const auto handle = dynamic_cast<CudaStream&>(*member.stream).handle();
    member.name = "s" + std::to_string(reinterpret_cast<intptr_t>(handle));
    members.push_back(std::move(member));
  }
  return members;
}

// Names events and streams by the order in which they occur.
std::vector<std::string> Renamed(const std::vector<std::string>& log,
                                 const std::vector<Member>& members) {
  std::map<std::string, std::string> names;
  for (size_t i = 0; i < members.size(); ++i) {
    names[members[i].name] = "stream" + std::to_string(i);
  }
  std::vector<std::string> renamed;
  size_t events = 0;
  for (const std::string& line : log) {
    std::string text;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const bool is_event = word.size() > 1 && word[0] == 'e' && std::isdigit(word[1]) != 0;
      if (is_event && !names.contains(word)) names[word] = "event" + std::to_string(events++);
      const auto name = names.find(word);
      text += (text.empty() ? "" : " ") + (name == names.end() ? word : name->second);
    }
    renamed.push_back(text);
  }
  return renamed;
}

TEST(CudaLocal, ATransferIsACopyBetweenTwoWaits) {
  FakeWorld world(2);
  const std::vector<Member> members = MembersOf(world, 2);
  const auto send = world.communicator(0).PrepareSend(ChannelId(0), 1, members[0].tensor);
  const auto recv = world.communicator(1).PrepareRecv(ChannelId(0), 0, members[1].tensor);
  world.api().TakeLog();
  members[0].stream->Begin(1);
  send->Issue(*members[0].stream);
  members[0].stream->End();
  EXPECT_EQ(world.api().TakeLog(), std::vector<std::string>{});
  members[1].stream->Begin(2);
  recv->Issue(*members[1].stream);
  members[1].stream->End();
  EXPECT_EQ(Renamed(world.api().TakeLog(), members),
            (std::vector<std::string>{"record event0 stream0", "wait stream1 event0",
                                      "copy on device 16 stream1", "record event1 stream1",
                                      "wait stream0 event1", "mark stream0", "mark stream1"}));
}

TEST(CudaLocal, ASumIsOneKernelBetweenAJoinAndAFork) {
  FakeWorld world(3);
  const std::vector<Member> members = MembersOf(world, 3);
  const std::vector<int64_t> ranks = {0, 1, 2};
  std::vector<std::unique_ptr<PreparedMeeting>> sums;
  for (const int64_t rank : ranks) {
    const kernels::Tensor& tensor = members[static_cast<size_t>(rank)].tensor;
    sums.push_back(world.communicator(rank).PrepareCollective(
        CollectiveKind::kAllReduce, GroupId(0), ranks, tensor, tensor, 0));
  }
  world.api().TakeLog();
  for (size_t rank = 0; rank < 3; ++rank) {
    members[rank].stream->Begin(static_cast<WorkTag>(rank));
    sums[rank]->Issue(*members[rank].stream);
    members[rank].stream->End();
  }
  EXPECT_EQ(Renamed(world.api().TakeLog(), members),
            (std::vector<std::string>{"record event0 stream1", "wait stream0 event0",
                                      "record event1 stream2", "wait stream0 event1",
                                      "launch sum of 3 stream0", "record event2 stream0",
                                      "wait stream1 event2", "wait stream2 event2", "mark stream0",
                                      "mark stream1", "mark stream2"}));
}

TEST(CudaLocal, RefusesGroupsThatItsKernelCannotAdd) {
  FakeWorld world(1);
  std::vector<int64_t> members(CudaLauncher::kMostMembers + 1);
  std::iota(members.begin(), members.end(), 0);
  EXPECT_THROW(world.communicator(0).PrepareCollective(CollectiveKind::kAllReduce, GroupId(0),
                                                       members, {}, {}, 0),
               std::runtime_error);
}

}  // namespace
}  // namespace pprun
