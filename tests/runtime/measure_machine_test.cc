// What is measured is a machine that can be read back, and that the ranks share.
#include "runtime/measure_machine.h"

#include <gtest/gtest.h>

#include "runtime/cpu/cpu_backend.h"

namespace pprun {
namespace {

constexpr std::chrono::milliseconds kShort{5};

TEST(MeasureMachine, IsAMachineFile) {
  const Machine machine = MeasureMachine({.ranks = 2, .duration = kShort});
  const Machine read = ParseMachine(ToText(machine), "localhost.machine");
  EXPECT_EQ(read.name, "localhost");
  EXPECT_NEAR(read.flops[static_cast<size_t>(DType::kF32)] /
                  machine.flops[static_cast<size_t>(DType::kF32)],
              1, 1e-9);
  // What holds of any machine that can run this test.
  EXPECT_GT(AchievedFlops(read, DType::kF32), 1e6);
  EXPECT_GT(AchievedFlops(read, DType::kBF16), 1e6);
  EXPECT_GT(read.memory_bandwidth, 1e6);
  EXPECT_GT(read.memory_bytes, 1 << 24);
  EXPECT_GT(read.launch, 0);
  EXPECT_LT(read.launch, 0.1);
  ASSERT_EQ(read.links.size(), 1U);
  EXPECT_EQ(read.links[0].size, 0) << "joins any ranks";
  EXPECT_GT(read.links[0].bandwidth, 1e6);
}

TEST(MeasureMachine, SharesTheMemory) {
  const Machine one = MeasureMachine({.ranks = 1, .duration = kShort});
  const Machine three = MeasureMachine({.ranks = 3, .duration = kShort});
  EXPECT_NEAR(one.memory_bytes, 3 * three.memory_bytes, 1);
}

TEST(MeasureMachine, ReportsWhatARankCannotHave) {
  EXPECT_THROW(MeasureMachine({.threads = kMostThreads + 1, .duration = kShort}),
               std::runtime_error);
}

}  // namespace
}  // namespace pprun
