// The CPU device: the conformance suite, and what is its own (failures, poisoned events).
#include "runtime/cpu/cpu_device.h"
#include "tests/conformance/device_conformance.h"

namespace pprun {
namespace {

INSTANTIATE_TEST_SUITE_P(Cpu, DeviceConformance,
                         testing::Values(DeviceCase{"cpu",
                                                    [] { return std::make_unique<CpuDevice>(1); }}),
                         [](const auto& one) { return one.param.name; });

class Throws : public CpuTask {
 public:
  void Run() override { throw std::runtime_error("the disk is on fire"); }
};

class Counts : public CpuTask {
 public:
  void Run() override { ++count; }
  std::atomic<int> count{0};
};

TEST(CpuDevice, AFailureIsThrownBySynchroniseAndDropsWhatFollows) {
  CpuDevice device(1);
  Throws fails;
  Counts counts;
  const auto stream = device.CreateStream("fails");
  const auto other = device.CreateStream("other");
  auto& failing = dynamic_cast<CpuStream&>(*stream);
  failing.Issue(fails);
  failing.Issue(counts);
  EXPECT_THROW(stream->Synchronise(), std::runtime_error);
  dynamic_cast<CpuStream&>(*other).Issue(counts);
  EXPECT_THROW(other->Synchronise(), std::runtime_error);
  EXPECT_EQ(counts.count, 0);
}

TEST(CpuDevice, AFailureWakesStreamsThatWaitForTheFailedOne) {
  CpuDevice device(1);
  Throws fails;
  const auto event = device.CreateEvent();
  const auto stream = device.CreateStream("fails");
  const auto waits = device.CreateStream("waits");
  dynamic_cast<CpuStream&>(*stream).Issue(fails);
  stream->Record(*event);
  waits->Wait(*event);
  EXPECT_THROW(waits->Synchronise(), std::runtime_error);
  // Events made after the failure hold nobody either.
  const auto late = device.CreateEvent();
  stream->Record(*late);
  waits->Wait(*late);
  EXPECT_THROW(waits->Synchronise(), std::runtime_error);
}

TEST(CpuDevice, TellsItsHandlerOnceWhatFailed) {
  CpuDevice device(1);
  std::vector<std::pair<WorkTag, std::string>> told;
  device.OnFailure(
      [&](WorkTag tag, const std::exception& error) { told.emplace_back(tag, error.what()); });
  Throws fails;
  const auto first = device.CreateStream("first");
  const auto second = device.CreateStream("second");
  first->Begin(42);
  dynamic_cast<CpuStream&>(*first).Issue(fails);
  first->End();
  EXPECT_THROW(first->Synchronise(), std::runtime_error);
  dynamic_cast<CpuStream&>(*second).Issue(fails);
  EXPECT_THROW(second->Synchronise(), std::runtime_error);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], std::make_pair(WorkTag{42}, std::string("the disk is on fire")));
}

TEST(CpuDevice, AStreamFinishesWhatItHasBeforeItGoes) {
  Counts counts;
  CpuDevice device(1);
  {
    const auto stream = device.CreateStream("short");
    for (int i = 0; i < 1000; ++i) dynamic_cast<CpuStream&>(*stream).Issue(counts);
  }
  EXPECT_EQ(counts.count, 1000);
}

TEST(CpuEvent, ServesRunAfterRun) {
  CpuEvent event;
  for (int run = 0; run < 1000000; ++run) {
    const uint32_t record = event.NextRecord();
    EXPECT_EQ(event.LastRecord(), record);
    event.Reach(record);
    ASSERT_EQ(event.Await(record), CpuEvent::Waited::kRecorded);
  }
  event.Poison();
  EXPECT_EQ(event.Await(event.NextRecord()), CpuEvent::Waited::kPoisoned);
}

}  // namespace
}  // namespace pprun
