// The socket communicator: the conformance suite over real connections, sizes that differ, and a
// rank that goes away in the middle of everything.
#include "runtime/comm/socket.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/conformance/communicator_conformance.h"
#include "tests/processes/job_world.h"

namespace pprun {
namespace {

class SocketWorld : public World {
 public:
  explicit SocketWorld(int64_t ranks) : jobs_(ranks) {
    for (int64_t rank = 0; rank < ranks; ++rank) {
      devices_.push_back(std::make_unique<CpuDevice>(1));
      communicators_.push_back(MakeSocketCommunicator(jobs_.job(rank)));
    }
  }
  Device& device(int64_t rank) override { return *devices_[static_cast<size_t>(rank)]; }
  Communicator& communicator(int64_t rank) override {
    return *communicators_[static_cast<size_t>(rank)];
  }
  JobWorld& jobs() { return jobs_; }
  void Remove(int64_t rank) {
    communicators_[static_cast<size_t>(rank)].reset();
    jobs_.Remove(rank);
  }

 private:
  JobWorld jobs_;
  std::vector<std::unique_ptr<CpuDevice>> devices_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
};

INSTANTIATE_TEST_SUITE_P(Socket, CommunicatorConformance,
                         testing::Values(WorldCase{
                             "socket",
                             [](int64_t ranks) { return std::make_unique<SocketWorld>(ranks); }}),
                         [](const auto& one) { return one.param.name; });

struct SocketCommunicatorTest : testing::Test {
  static constexpr int64_t kElements = 1 << 20;

  struct Array {
    std::unique_ptr<DeviceMemory> memory;
    kernels::Tensor tensor;
  };
  static Array Zeros(SocketWorld& world, int64_t rank, int64_t elements) {
    Array array = {world.device(rank).Allocate(elements * 4), {}};
    array.tensor = {array.memory->data(), DType::kF32, {elements}};
    return array;
  }
};

// More than all buffers between two processes hold, both ways at once.
TEST_F(SocketCommunicatorTest, BigTensorsPassEachOther) {
  SocketWorld world(2);
  std::vector<Array> arrays;
  std::vector<std::unique_ptr<DeviceStream>> streams;
  std::vector<std::unique_ptr<PreparedMeeting>> meetings;
  for (int64_t rank = 0; rank < 2; ++rank) {
    arrays.push_back(Zeros(world, rank, 8 * kElements));
    auto* const values = reinterpret_cast<float*>(arrays.back().memory->data());
    for (int64_t i = 0; i < 8 * kElements; ++i) values[i] = static_cast<float>(i % 1000 + rank);
    meetings.push_back(world.communicator(rank).PrepareCollective(
        CollectiveKind::kAllReduce, GroupId(0), std::vector<int64_t>{0, 1}, arrays.back().tensor,
        arrays.back().tensor, 0));
    streams.push_back(world.device(rank).CreateStream("sum"));
  }
  for (size_t rank = 0; rank < 2; ++rank) meetings[rank]->Issue(*streams[rank]);
  for (const auto& stream : streams) stream->Synchronise();
  for (const Array& array : arrays) {
    const auto* const values = reinterpret_cast<const float*>(array.memory->data());
    for (int64_t i = 0; i < 8 * kElements; ++i) {
      ASSERT_EQ(values[i], static_cast<float>(2 * (i % 1000) + 1)) << i;
    }
  }
}

TEST_F(SocketCommunicatorTest, SizesThatDifferAreAnError) {
  SocketWorld world(2);
  Array source = Zeros(world, 0, 4);
  Array target = Zeros(world, 1, 3);
  const auto send = world.communicator(0).PrepareSend(ChannelId(0), 1, source.tensor);
  const auto recv = world.communicator(1).PrepareRecv(ChannelId(0), 0, target.tensor);
  const auto sender = world.device(0).CreateStream("send");
  const auto receiver = world.device(1).CreateStream("recv");
  world.device(0).OnFailure(
      [&](WorkTag, const std::exception& error) { world.communicator(0).Abort(error.what()); });
  recv->Issue(*receiver);
  send->Issue(*sender);
  try {
    sender->Synchronise();
    FAIL() << "sizes differ";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "rank 1 meets with 12 bytes where this rank has 16");
  }
  EXPECT_THROW(receiver->Synchronise(), AbortedError);
}

// What another rank waits for ends with the name of the one that is gone, not with its connection.
TEST_F(SocketCommunicatorTest, ARankThatGoesAwayEndsMeetingsByName) {
  SocketWorld world(3);
  Array array = Zeros(world, 0, 4);
  const auto recv = world.communicator(0).PrepareRecv(ChannelId(0), 2, array.tensor);
  const auto from_there = world.communicator(2).PrepareSend(ChannelId(0), 0, array.tensor);
  const auto stream = world.device(0).CreateStream("recv");
  recv->Issue(*stream);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  world.Remove(2);
  try {
    stream->Synchronise();
    FAIL() << "nothing was sent";
  } catch (const AbortedError& error) {
    EXPECT_EQ(error.what(), "rank 2 on " + HostName() + " is gone: its connection was closed");
  }
}

}  // namespace
}  // namespace pprun
