// Ranks as threads: they train together, and one rank's failure ends all with one reason.
#include "runtime/launch.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>

#include "runtime/processes/job_backend.h"
#include "tests/processes/job_world.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

std::unique_ptr<Backend> Cpu(const Plan& plan) {
  return std::make_unique<CpuBackend>(plan.Ranks(), 1);
}

// What Run throws.
std::string FailureOf(LocalRanks& ranks, const std::function<void(Rank)>& body) {
  try {
    ranks.Run(body);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Launch, DividesTheCores) {
  EXPECT_EQ(ThreadsPerRank(1, 8), 8);
  EXPECT_EQ(ThreadsPerRank(3, 8), 2);
  EXPECT_EQ(ThreadsPerRank(16, 8), 1);
  EXPECT_GE(AvailableCores(), 1);
}

TEST(Launch, WarnsOfCrowds) {
  EXPECT_FALSE(CrowdingWarning(4, 2));
  EXPECT_EQ(*CrowdingWarning(5, 2), "5 ranks share 2 cores, so every step will be slow");
  EXPECT_EQ(*CrowdingWarning(3, 1), "3 ranks share 1 core, so every step will be slow");
}

TEST(Launch, RefusesMoreThreadsThanAProductCanUse) {
  const SmallPlan small = {};
  const Plan plan = Build(small);
  try {
    const CpuBackend backend(plan.Ranks(), kMostThreads + 1);
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "a rank has at most 1024 threads, not 1025");
  }
}

TEST(Launch, RunsEveryRankOnAThreadOfItsOwn) {
  const SmallPlan small = {.positions = 2, .replicas = 4, .microbatches = 1};
  const Plan plan = Build(small);
  const SmallData data(small.vocabulary);
  LocalRanks ranks(plan, Cpu(plan), {}, &data, nullptr);
  std::atomic<int> steps{0};
  ranks.Run([&](Rank rank) {
    rank.executor.Initialise();
    for (int64_t step = 0; step < 20; ++step) {
      rank.executor.RunStep(step, 0.1F);
      rank.control.Post({.round = step, .step = step});
      rank.control.Await(step);
      ++steps;
    }
  });
  EXPECT_EQ(steps, 8 * 20);
}

TEST(Launch, OneRanksFailureEndsAllWithItsReason) {
  const SmallPlan small = {.positions = 2, .replicas = 2};
  const Plan plan = Build(small);
  const SmallData data(small.vocabulary);
  LocalRanks ranks(plan, Cpu(plan), {}, &data, nullptr);
  EXPECT_EQ(FailureOf(ranks,
                      [](Rank rank) {
                        rank.executor.Initialise();
                        for (int64_t step = 0;; ++step) {
                          if (rank.executor.rank() == 2 && step == 3) {
                            throw std::runtime_error("rank 2 is out of paper");
                          }
                          rank.executor.RunStep(step, 0.1F);
                        }
                      }),
            "rank 2 is out of paper");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Exits with 1 after the error. Each thread's stack takes some of the address space that is left,
// and which request is the first to fail depends on how far the threads are; sanitizers need more
// of it.
[[noreturn]] void PrepareInOneGigabyte(const Plan& plan, const DataSet& data) {
  const rlimit limit = {1 << 30, 1 << 30};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) std::exit(2);
  try {
    LocalRanks ranks(plan, Cpu(plan), {}, &data, nullptr);
  } catch (const std::exception& error) {
    std::cerr << error.what();
    std::exit(1);
  }
  std::exit(0);
}

TEST(LaunchDeathTest, AMeshThatTheSystemHasNoRoomForIsAnError) {
  const SmallPlan small = {.positions = 2, .replicas = 64};
  const Plan plan = Build(small);
  const SmallData data(small.vocabulary);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(PrepareInOneGigabyte(plan, data), ::testing::ExitedWithCode(1),
              "cannot start another thread: resource temporarily unavailable|"
              "cannot allocate .*: cannot allocate memory|std::bad_alloc");
}
#endif

// A data set that is broken from some step on: on the host, before anything is issued.
class BreaksLater : public SmallData {
 public:
  using SmallData::SmallData;
  void Sample(int64_t index, std::span<int32_t> inputs, std::span<int32_t> targets) const override {
    if (index >= 16) throw std::runtime_error("cannot read `text.bin`: input/output error");
    SmallData::Sample(index, inputs, targets);
  }
};

TEST(Launch, DataThatCannotBeReadEndsAll) {
  const SmallPlan small = {.positions = 2, .replicas = 1};
  const Plan plan = Build(small);
  const BreaksLater data(small.vocabulary);
  LocalRanks ranks(plan, Cpu(plan), {}, &data, nullptr);
  EXPECT_EQ(FailureOf(ranks,
                      [](Rank rank) {
                        rank.executor.Initialise();
                        for (int64_t step = 0;; ++step) rank.executor.RunStep(step, 0.1F);
                      }),
            "cannot read `text.bin`: input/output error");
}

// A plan that the verifier would reject: the second position's first message is never sent.
TEST(Launch, AHangIsReportedWithEveryRanksHeadsAndEnds) {
  const SmallPlan small = {.positions = 2, .replicas = 1};
  Plan plan = Build(small);
  auto& instructions =
      plan.positions[0].programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
  std::erase_if(instructions,
                [](const Instruction& one) { return std::holds_alternative<Send>(one.operands); });
  const SmallData data(small.vocabulary);
  std::string report;
  LocalRanks ranks(
      plan, Cpu(plan),
      {.patience = milliseconds(300), .on_hang = [&](const std::string& text) { report = text; }},
      &data, nullptr);
  const std::string why = FailureOf(ranks, [](Rank rank) {
    rank.executor.Initialise();
    rank.executor.RunStep(0, 0.1F);
  });
  EXPECT_NE(why.find("nothing has moved"), std::string::npos) << why;
  EXPECT_NE(report.find("rank 0\n"), std::string::npos) << report;
  EXPECT_NE(report.find("rank 1\n"), std::string::npos) << report;
  // Both wait to receive: one the activation, the other the gradient of it.
  const size_t first = report.find("recv  recv");
  ASSERT_NE(first, std::string::npos) << report;
  EXPECT_NE(report.find("recv  recv", first + 1), std::string::npos) << report;
  EXPECT_NE(report.find("small.sched:1"), std::string::npos) << report;
}

// The same with a rank a process: all report where they are, and end with one reason.
TEST(Launch, AHangOfSeveralProcessesIsReportedByEach) {
  const SmallPlan small = {.positions = 2, .replicas = 1};
  Plan plan = Build(small);
  auto& instructions =
      plan.positions[0].programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
  std::erase_if(instructions,
                [](const Instruction& one) { return std::holds_alternative<Send>(one.operands); });
  const SmallData data(small.vocabulary);
  JobWorld world(2);
  std::array<std::string, 2> reports;
  std::array<std::string, 2> reasons;
  std::vector<std::thread> processes;
  for (size_t rank = 0; rank < 2; ++rank) {
    processes.emplace_back([&, rank] {
      Job& job = world.job(static_cast<int64_t>(rank));
      LocalRanks ranks(plan, std::make_unique<JobCpuBackend>(job, 1),
                       {.patience = milliseconds(500),
                        .on_hang = [&, rank](const std::string& text) { reports[rank] = text; },
                        .job = &job},
                       &data, nullptr);
      reasons[rank] = FailureOf(ranks, [](Rank one) {
        one.executor.Initialise();
        one.executor.RunStep(0, 0.1F);
      });
    });
  }
  for (std::thread& process : processes) process.join();
  for (size_t rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(reasons[rank], "nothing has moved for 0 s");
    EXPECT_EQ(reports[rank].find("rank " + std::to_string(rank) + "\n"), 0) << reports[rank];
    EXPECT_NE(reports[rank].find("recv  recv"), std::string::npos) << reports[rank];
  }
}

}  // namespace
}  // namespace pprun
