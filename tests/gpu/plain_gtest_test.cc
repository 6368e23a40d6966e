// What stands for GoogleTest where there is none (plain_gtest/): the device's conformance suite
// passes with it on the CPU, and each expectation that does not hold is counted, told with both
// sides, and ends its function where it should.
#include <stdexcept>
#include <string>

#include "runtime/cpu/cpu_device.h"
#include "tests/conformance/communicator_conformance.h"
#include "tests/conformance/device_conformance.h"

namespace pprun {
namespace {

INSTANTIATE_TEST_SUITE_P(Cpu, DeviceConformance,
                         testing::Values(DeviceCase{"cpu",
                                                    [] { return std::make_unique<CpuDevice>(1); }}),
                         [](const auto& one) { return one.param.name; });

int failures = 0;

void Expect(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  std::printf("plain_gtest_test: %s\n", what);
}

// How many failures `body` adds.
template <class Body>
int FailuresOf(const Body& body) {
  const int before = testing::Current().failures;
  body();
  return testing::Current().failures - before;
}

void StopsAtAnAssertion(bool& went_on) {
  ASSERT_EQ(1, 2) << "meant to fail";
  went_on = true;
}

void StopsAtAFailure(bool& went_on) {
  SCOPED_TRACE(testing::Message() << "meant "
                                  << "to fail");
  if (!went_on) {
    FAIL() << "here";
  }
  went_on = true;
}

int Main() {
  Expect(RUN_ALL_TESTS() == 0, "the CPU's device does not conform");
  Expect(testing::Current().tests > 5, "no tests were run");
  Expect(FailuresOf([] {
           EXPECT_EQ(1, 1);
           EXPECT_NE(1, 2);
           EXPECT_LE(1, 1);
           EXPECT_GT(2, 1);
           EXPECT_NEAR(1.0, 1.1, 0.2);
           EXPECT_STREQ("a", std::string("a").c_str());
           EXPECT_TRUE(true);
           EXPECT_FALSE(false);
           EXPECT_THROW(throw std::runtime_error("x"), std::exception);
         }) == 0,
         "what holds is a failure");
  Expect(FailuresOf([] {
           EXPECT_EQ((std::vector<int>{1, 2}), (std::vector<int>{1, 3}));
           EXPECT_NE(1, 1);
           EXPECT_LE(2, 1);
           EXPECT_GT(1, 1);
           EXPECT_NEAR(1.0, 1.3, 0.2);
           EXPECT_NEAR(1.0, std::nan(""), 0.2);
           EXPECT_STREQ("a", "b");
           EXPECT_TRUE(false);
           EXPECT_FALSE(true);
           EXPECT_THROW(static_cast<void>(0), std::exception);
           ADD_FAILURE() << "meant to fail";
         }) == 11,
         "what does not hold is no failure");
  bool went_on = false;
  Expect(FailuresOf([&] { StopsAtAnAssertion(went_on); }) == 1 && !went_on,
         "an assertion does not end its function");
  Expect(FailuresOf([&] { StopsAtAFailure(went_on); }) == 1 && !went_on,
         "a failure does not end its function");
  Expect(testing::Current().traces.empty(), "a trace outlives its scope");
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pprun

int main() { return pprun::Main(); }
