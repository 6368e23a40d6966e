// The local communicator: the conformance suite, and that an abort in the middle of everything
// leaves no one behind.
#include "runtime/comm/local.h"

#include "runtime/comm/rank_order_sum.h"
#include "runtime/cpu/cpu_device.h"
#include "tests/conformance/communicator_conformance.h"

namespace pprun {
namespace {

class LocalWorld : public World {
 public:
  explicit LocalWorld(int64_t ranks) : hub_(ranks) {
    for (int64_t rank = 0; rank < ranks; ++rank) {
      devices_.push_back(std::make_unique<CpuDevice>(1));
      communicators_.push_back(hub_.CommunicatorOf(rank));
    }
  }
  Device& device(int64_t rank) override { return *devices_[static_cast<size_t>(rank)]; }
  Communicator& communicator(int64_t rank) override {
    return *communicators_[static_cast<size_t>(rank)];
  }

 private:
  LocalHub hub_;
  std::vector<std::unique_ptr<CpuDevice>> devices_;
  std::vector<std::unique_ptr<Communicator>> communicators_;
};

INSTANTIATE_TEST_SUITE_P(Local, CommunicatorConformance,
                         testing::Values(WorldCase{
                             "local",
                             [](int64_t ranks) { return std::make_unique<LocalWorld>(ranks); }}),
                         [](const auto& one) { return one.param.name; });

// A rank's buffers may go as soon as its own streams are done, whatever the others are at.
TEST(LocalHub, BuffersAreFreeOnceTheMeetingIsOver) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    LocalHub hub(3);
    std::vector<std::thread> ranks;
    const std::vector<int64_t> members = {0, 1, 2};
    for (int64_t rank = 0; rank < 3; ++rank) {
      ranks.emplace_back([&, rank] {
        CpuDevice device(1);
        const auto communicator = hub.CommunicatorOf(rank);
        const auto memory = device.Allocate(1 << 16);
        device.Upload(memory->data(), std::vector<std::byte>(1 << 16));
        const kernels::Tensor tensor = {memory->data(), DType::kF32, {1 << 14}};
        const auto sum = communicator->PrepareCollective(CollectiveKind::kAllReduce, GroupId(0),
                                                         members, tensor, tensor, 0);
        const auto stream = device.CreateStream("r");
        try {
          for (;;) {
            sum->Issue(*stream);
            stream->Synchronise();
          }
        } catch (const AbortedError&) {
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    hub.Abort("enough");
    for (std::thread& rank : ranks) rank.join();
  }
}

TEST(RankOrderSum, RoundsBf16OnceToNearestEven) {
  // 256, 1 and 1: each addition alone would round away the 1 (bf16 has 8 bits); together they stay.
  const std::vector<uint16_t> a = {0x4380};
  const std::vector<uint16_t> b = {0x3f80};
  const std::vector<uint16_t> c = {0x3f80};
  std::vector<uint16_t> sum = {0};
  const std::vector<const void*> sources = {a.data(), b.data(), c.data()};
  const std::vector<void*> targets = {sum.data()};
  SumInRankOrder(DType::kBF16, sources, targets, 0, 1);
  EXPECT_EQ(sum[0], 0x4381);
}

TEST(RankOrderSum, TouchesOnlyItsRange) {
  const std::vector<float> a(5000, 1);
  std::vector<float> sum(5000, -1);
  const std::vector<const void*> sources = {a.data(), a.data()};
  const std::vector<void*> targets = {sum.data()};
  SumInRankOrder(DType::kF32, sources, targets, 1000, 3500);
  for (size_t i = 0; i < sum.size(); ++i) {
    ASSERT_EQ(sum[i], i >= 1000 && i < 3500 ? 2 : -1) << i;
  }
}

}  // namespace
}  // namespace pprun
