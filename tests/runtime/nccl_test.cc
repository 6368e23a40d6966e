// NCCL's communicators for a plan, and what is issued on them, through a fake that records. No GPU,
// and no NCCL, is needed.
#include "runtime/comm/nccl.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/processes/job_cuda_backend.h"
#include "tests/processes/job_world.h"
#include "tests/runtime/fake_cuda.h"
#include "tests/runtime/fake_nccl.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

NcclWorld::Options OptionsOf(int64_t rank) {
  return {.rank = rank,
          .patience = milliseconds(2000),
          .share_id =
              [](const std::optional<NcclId>& own) {
                NcclId id;
                id.fill('i');
                return own.value_or(id);
              },
          .on_failure = {}};
}

Plan PlanOf(int32_t positions, int32_t replicas) {
  return Build({.positions = positions, .replicas = replicas});
}

// What an abort calls, of communicators 1 to `count`.
Lines AbortOf(int count) {
  Lines lines = {"group"};
  for (int i = 1; i <= count; ++i) lines.push_back("abort c" + std::to_string(i));
  lines.push_back("end");
  return lines;
}

TEST(NcclWorld, MakesTheSameSplitsInTheSameOrderOnEveryRank) {
  const Plan plan = PlanOf(2, 2);
  const NcclSplits splits = NcclSplitsOf(plan);
  for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
    FakeNccl api;
    AbortSignal abort;
    const std::string number = std::to_string(rank);
    {
      const NcclWorld world(plan, api, abort, OptionsOf(rank));
      Lines expected;
      if (rank == 0) expected.push_back("id");
      expected.push_back("init 4 rank " + number + " id i = c1");
      int made = 1;
      for (const std::vector<int>& colors : splits.colors) {
        const int color = colors[static_cast<size_t>(rank)];
        expected.push_back("split c1 color " + std::to_string(color) + " key " + number);
        if (color != kNcclNoColor) expected.back() += " = c" + std::to_string(++made);
      }
      EXPECT_EQ(api.TakeLog(), expected);
    }
    // The last one made goes first, the one of all ranks last.
    const Lines log = api.TakeLog();
    ASSERT_GE(log.size(), 2);
    EXPECT_EQ(log[log.size() - 2], "finalize c1");
    EXPECT_EQ(log.back(), "destroy c1");
    EXPECT_EQ(std::ranges::count_if(
                  log, [](const std::string& line) { return line.starts_with("abort"); }),
              0);
  }
}

TEST(NcclWorld, ThatIsNeverMadeEndsAtTheDeadline) {
  const Plan plan = PlanOf(2, 1);
  FakeNccl api;
  api.polls_in_progress = 1 << 30;
  AbortSignal abort;
  NcclWorld::Options options = OptionsOf(1);
  options.patience = milliseconds(20);
  try {
    const NcclWorld world(plan, api, abort, options);
    FAIL() << "it was made";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "`ncclCommInitRankConfig` has not finished within 0 s");
  }
  EXPECT_EQ(api.TakeLog(), (Lines{"init 2 rank 1 id i = c1", "abort c1", "group", "end"}));
}

// What a split makes may be there only after the abort of what is split.
TEST(NcclWorld, ASplitThatIsUnderWayIsAborted) {
  const Plan plan = PlanOf(2, 1);
  FakeNccl api;
  api.polls_of_splits = 1 << 30;
  AbortSignal abort;
  NcclWorld::Options options = OptionsOf(1);
  options.patience = milliseconds(20);
  EXPECT_THROW(NcclWorld(plan, api, abort, options), std::runtime_error);
  Lines log = api.TakeLog();
  ASSERT_GE(log.size(), 2);
  EXPECT_EQ(Lines(log.begin() + 2, log.end()), (Lines{"abort c1", "group", "abort c2", "end"}));
}

// A graph holds work of all of them, so none is gone before all are told.
TEST(NcclWorld, AbortsTogetherWhatOneGraphHolds) {
  const Plan plan = PlanOf(2, 2);
  FakeNccl api;
  AbortSignal abort;
  int made = 1;
  {
    NcclWorld world(plan, api, abort, OptionsOf(1));
    std::set<NcclHandle> captured;
    for (size_t i = 0; i < plan.channels.size(); ++i) {
      captured.insert(world.OfChannel(ChannelId(static_cast<int64_t>(i))));
    }
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      captured.insert(world.OfGroup(GroupId(static_cast<int64_t>(i))));
    }
    made += static_cast<int>(captured.size());
    ASSERT_GT(made, 2);
    api.Capture(captured);
    api.TakeLog();
    abort.Raise("rank 0 is gone");
    world.BeginAbort();
    EXPECT_THROW(world.Turn(), AbortedError);
  }
  EXPECT_EQ(api.TakeLog(), AbortOf(made));
}

TEST(NcclWorld, AnAbortEndsTheMakingOfIt) {
  const Plan plan = PlanOf(2, 1);
  FakeNccl api;
  api.polls_in_progress = 1 << 30;
  AbortSignal abort;
  std::thread aborts([&] {
    std::this_thread::sleep_for(milliseconds(20));
    abort.Raise("rank 0 is gone");
  });
  EXPECT_THROW(NcclWorld(plan, api, abort, OptionsOf(1)), AbortedError);
  aborts.join();
}

TEST(NcclWorld, NamesTheCallThatFailed) {
  const Plan plan = PlanOf(2, 1);
  FakeNccl api;
  api.FailCall("CommSplit", NcclStatus::kRemoteError);
  AbortSignal abort;
  try {
    const NcclWorld world(plan, api, abort, OptionsOf(1));
    FAIL() << "it was made";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "`ncclCommSplit` failed: remote error");
  }
}

TEST(NcclWorld, WhatNcclReportsLaterIsNoticed) {
  const Plan plan = PlanOf(2, 1);
  FakeNccl api;
  AbortSignal abort;
  std::atomic<int> told{0};
  NcclWorld::Options options = OptionsOf(1);
  options.on_failure = [&](const std::string& why) {
    EXPECT_EQ(why, "rank 1: NCCL failed: remote error");
    abort.Raise(why);
    ++told;
  };
  {
    NcclWorld world(plan, api, abort, options);
    api.FailCall("CommGetAsyncError", NcclStatus::kRemoteError);
    const Deadline deadline = After(milliseconds(5000));
    while (told == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    api.TakeLog();
  }
  EXPECT_EQ(told, 1);
  // Aborted communicators are not destroyed.
  const Lines log = api.TakeLog();
  EXPECT_EQ(log, AbortOf(static_cast<int>(log.size()) - 2));
}

// One rank of two positions times two replicas on a fake GPU.
struct NcclIssue : testing::Test {
  const Plan plan = PlanOf(2, 2);
  FakeCuda cuda;
  CudaGpu gpu{cuda, 0};
  FakeNccl nccl;
  NcclWorld world{plan, nccl, gpu.abort(), OptionsOf(1)};
  CudaDevice device{gpu, 1};
  std::string aborted;
  std::unique_ptr<Communicator> communicator =
      MakeNcclCommunicator(world, 1, [this](const std::string& why) { aborted = why; });
  std::unique_ptr<DeviceStream> stream = device.CreateStream("s");
  std::unique_ptr<DeviceMemory> memory = device.Allocate(64);
  const kernels::Tensor eight = {memory->data(), DType::kF32, {8}};
  const kernels::Tensor four = {memory->data(), DType::kF32, {4}};

  Lines Issue(PreparedMeeting& meeting) {
    nccl.TakeLog();
    meeting.Issue(*stream);
    const std::string handle =
        " on s" +
        std::to_string(reinterpret_cast<intptr_t>(dynamic_cast<CudaStream&>(*stream).handle()));
    Lines lines = nccl.TakeLog();
    for (std::string& line : lines) {
      if (line.ends_with(handle)) line.erase(line.size() - handle.size());
    }
    return lines;
  }
};

TEST_F(NcclIssue, TransfersGoOverTheirChannelsCommunicator) {
  for (size_t i = 0; i < plan.channels.size(); ++i) {
    const ChannelId channel(static_cast<int64_t>(i));
    const std::string comm = FakeNccl::NameOf(world.OfChannel(channel));
    EXPECT_EQ(Issue(*communicator->PrepareSend(channel, 3, eight)),
              Lines{"send to 1 " + comm + " f32 x 8"});
    EXPECT_EQ(Issue(*communicator->PrepareRecv(channel, 3, four)),
              Lines{"recv from 1 " + comm + " f32 x 4"});
  }
}

TEST_F(NcclIssue, CollectivesGoOverTheirGroupsCommunicator) {
  const GroupId group(0);
  const std::vector<int64_t> members = MembersOf(plan, plan.groups[0], 1);
  const std::string comm = FakeNccl::NameOf(world.OfGroup(group)) + " f32 x ";
  const auto issued = [&](CollectiveKind kind, kernels::Tensor source, kernels::Tensor target) {
    return Issue(*communicator->PrepareCollective(kind, group, members, source, target, 1));
  };
  EXPECT_EQ(issued(CollectiveKind::kAllReduce, eight, eight), Lines{"all_reduce " + comm + "8"});
  EXPECT_EQ(issued(CollectiveKind::kReduce, eight, eight), Lines{"reduce to 1 " + comm + "8"});
  EXPECT_EQ(issued(CollectiveKind::kReduceScatter, eight, four),
            Lines{"reduce_scatter " + comm + "4"});
  EXPECT_EQ(issued(CollectiveKind::kAllGather, four, eight), Lines{"all_gather " + comm + "4"});
  EXPECT_EQ(issued(CollectiveKind::kBroadcast, eight, eight),
            Lines{"broadcast from 1 " + comm + "8"});
  Lines all_to_all = {"group"};
  const size_t part = 8 / members.size();
  for (size_t peer = 0; peer < members.size(); ++peer) {
    all_to_all.push_back("send to " + std::to_string(peer) + " " + comm + std::to_string(part));
    all_to_all.push_back("recv from " + std::to_string(peer) + " " + comm + std::to_string(part));
  }
  all_to_all.push_back("end");
  EXPECT_EQ(issued(CollectiveKind::kAllToAll, eight, eight), all_to_all);
}

TEST_F(NcclIssue, APermuteIsOneGroup) {
  const std::vector<int64_t> members = MembersOf(plan, plan.groups[0], 1);
  const auto count = static_cast<int64_t>(members.size());
  const int64_t index = std::ranges::find(members, 1) - members.begin();
  const std::string comm = " " + FakeNccl::NameOf(world.OfGroup(GroupId(0))) + " f32 x 4";
  const kernels::Tensor target = {memory->data() + 32, DType::kF32, {4}};
  EXPECT_EQ(Issue(*communicator->PreparePermute(GroupId(0), members, four, target, 1)),
            (Lines{"group", "send to " + std::to_string((index + 1) % count) + comm,
                   "recv from " + std::to_string((index + count - 1) % count) + comm, "end"}));
}

// The fake fails the test if who looks for failures calls while this thread does.
TEST_F(NcclIssue, OneThreadIsWithinNcclAtATime) {
  nccl.call_time = std::chrono::microseconds(200);
  const auto send = communicator->PrepareSend(ChannelId(0), 3, eight);
  const Deadline deadline = After(milliseconds(350));
  while (std::chrono::steady_clock::now() < deadline) send->Issue(*stream);
}

TEST_F(NcclIssue, ACallThatFailsFailsTheDeviceByName) {
  nccl.FailCall("AllReduce", NcclStatus::kInternalError);
  std::string told;
  device.OnFailure([&](WorkTag tag, const std::exception& error) {
    told = std::to_string(tag) + " " + error.what();
  });
  const auto sum = communicator->PrepareCollective(
      CollectiveKind::kAllReduce, GroupId(0), MembersOf(plan, plan.groups[0], 1), eight, eight, 0);
  stream->Begin(5);
  sum->Issue(*stream);
  stream->End();
  EXPECT_EQ(told, "5 `ncclAllReduce` failed: internal error");
  EXPECT_THROW(stream->Synchronise(), std::runtime_error);
}

// Both processes of a job: the id comes from rank 0, and one rank's failure aborts NCCL on all.
TEST(JobCudaBackend, AFailureAbortsNcclOnEveryRank) {
  const Plan plan = PlanOf(2, 1);
  JobWorld jobs(2);
  std::array<FakeCuda, 2> cudas = {FakeCuda({.machine = "a"}), FakeCuda({.machine = "b"})};
  std::array<FakeNccl, 2> nccls;
  std::array<std::unique_ptr<JobCudaBackend>, 2> backends;
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      backends[rank] = std::make_unique<JobCudaBackend>(plan, jobs.job(static_cast<int64_t>(rank)),
                                                        cudas[rank], nccls[rank], 0, Graphs::kOff);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (FakeNccl& nccl : nccls) {
    const Lines log = nccl.TakeLog();
    EXPECT_EQ(std::ranges::count_if(
                  log, [](const std::string& line) { return line.starts_with("init 2 rank "); }),
              1);
  }
  backends[1]->Abort("rank 1 is out of memory");
  backends[0]->Abort("so what");
  for (size_t rank = 0; rank < 2; ++rank) {
    const Deadline deadline = After(milliseconds(5000));
    while (!jobs.job(static_cast<int64_t>(rank)).stop().raised() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_EQ(backends[rank]->aborted(), "rank 1 is out of memory");
    backends[rank].reset();
    const Lines log = nccls[rank].TakeLog();
    EXPECT_EQ(log, AbortOf(static_cast<int>(log.size()) - 2));
  }
}

// What each rank is told; empty for one that has a backend.
std::array<std::string, 2> ErrorsOf(std::array<FakeCudaOptions, 2> options,
                                    std::array<int, 2> local_ranks) {
  const Plan plan = PlanOf(2, 1);
  JobWorld jobs(2);
  std::array<std::string, 2> errors;
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      Job& job = jobs.job(static_cast<int64_t>(rank));
      FakeCuda cuda(options[rank]);
      FakeNccl nccl;
      try {
        const JobCudaBackend backend(plan, job, cuda, nccl, local_ranks[rank], Graphs::kOff);
      } catch (const std::runtime_error& error) {
        errors[rank] = error.what();
        job.Fail({.why = error.what()});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

TEST(JobCudaBackend, RanksHaveGpusOfTheirOwn) {
  // Both GPUs are seen by both; or each by one, as its number 0.
  EXPECT_EQ(ErrorsOf({{{.devices = 2}, {.devices = 2}}}, {0, 1}), (std::array<std::string, 2>()));
  EXPECT_EQ(ErrorsOf({{{.machine = "a"}, {.machine = "b"}}}, {0, 1}),
            (std::array<std::string, 2>()));
  const std::string host = HostName();
  const std::string same = "ranks 0 and 1 have the same GPU, one of 1 that a rank sees on " + host +
                           "; as processes each rank needs its own";
  EXPECT_EQ(ErrorsOf({}, {0, 1}), (std::array{same, same}));
}

}  // namespace
}  // namespace pprun
