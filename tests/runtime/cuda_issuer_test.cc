// The issuer of ranks that share a GPU, on a fake one: what it issues, compared with the plan
// instruction by instruction; what a capture holds; what a replay costs; what failures report.
#include "runtime/cuda/cuda_issuer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "compiler/plan/text.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/launch.h"
#include "tests/runtime/fake_cuda.h"
#include "tests/runtime/issued_check.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

using Lines = std::vector<std::string>;

// All ranks of a plan on a fake GPU.
class OnFake {
 public:
  // The last one of `gpus`.
  explicit OnFake(const SmallPlan& small, Graphs graphs, LaunchOptions options = {}, int gpus = 1)
      : api({.devices = gpus}),
        plan_(Build(small)),
        data_(small.vocabulary),
        ranks_(plan_, std::make_unique<CudaBackend>(plan_, api, gpus - 1, graphs), options, &data_,
               &data_) {
    ranks_.Run([](Rank rank) { rank.executor.Initialise(); });
    api.TakeLog();
  }

  // What was logged for one step.
  Lines Step() {
    ranks_.Run([this](Rank rank) { rank.executor.RunStep(steps_, 0.1F); });
    ++steps_;
    return api.TakeLog();
  }
  std::string FailureOfStep() {
    try {
      Step();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }
  const Plan& plan() const { return plan_; }
  LocalRanks& ranks() { return ranks_; }

  FakeCuda api;

 private:
  const Plan plan_;
  const SmallData data_;
  LocalRanks ranks_;
  int64_t steps_ = 0;
};

constexpr SmallPlan kFourRanks = {.positions = 2, .replicas = 2, .clip = 1};

bool StartsWith(const std::string& line, const std::string& start) {
  return line.starts_with(start);
}

// From the first line of that start to the last of another, both included.
Lines Between(const Lines& log, const std::string& first, const std::string& last) {
  const auto begin =
      std::ranges::find_if(log, [&](const auto& line) { return StartsWith(line, first); });
  const auto end = std::find_if(log.rbegin(), log.rend(),
                                [&](const auto& line) { return StartsWith(line, last); });
  if (begin == log.end() || end == log.rend()) return {};
  return {begin, end.base()};
}

Lines WithoutMarks(Lines lines) {
  std::erase_if(lines, [](const std::string& line) { return StartsWith(line, "mark"); });
  return lines;
}

TEST(CudaIssuer, IssuesWhatThePlanSaysInTheJointOrder) {
  for (const SmallPlan& small : {SmallPlan{}, kFourRanks, SmallPlan{.positions = 2}}) {
    OnFake fake(small, Graphs::kOff);
    for (int step = 0; step < 3; ++step) {
      IssuedCheck(fake.plan(), ProgramKind::kStep).Check(fake.Step());
    }
    EXPECT_EQ(fake.api.violations(), Lines{});
  }
}

TEST(CudaIssuer, CapturesTheCallsOfAnEagerStepAndReplaysThem) {
  OnFake fake(kFourRanks, Graphs::kOn);
  const Lines eager = Between(fake.Step(), "record", "wait");
  const Lines capture = fake.Step();
  // From the fork to the join.
  const Lines captured = Between(capture, "begin capture", "launch graph");
  ASSERT_GT(captured.size(), 4U);
  EXPECT_EQ(Lines(captured.begin() + 1, captured.end() - 3), WithoutMarks(eager));
  const std::string lead = captured[0].substr(std::string("begin capture ").size());
  EXPECT_EQ(Lines(captured.end() - 3, captured.end()),
            (Lines{"end capture " + lead, "instantiate", "launch graph " + lead}));
  // It begins with a fork from one stream to all, and ends with a join of all into it.
  const auto event = [](const std::string& line) { return line.substr(0, line.rfind(' ')); };
  EXPECT_EQ(event(captured[1]).substr(0, 6), "record");
  EXPECT_TRUE(captured[1].ends_with(" " + lead)) << captured[1];
  EXPECT_TRUE(StartsWith(captured[captured.size() - 4], "wait " + lead))
      << captured[captured.size() - 4];

  for (int step = 0; step < 3; ++step) {
    Lines replay = fake.Step();
    // Each rank's state goes up, its loss and norm come down.
    std::erase_if(replay, [](const std::string& line) {
      return StartsWith(line, "copy host to device 16 ") ||
             StartsWith(line, "copy device to host 8 ") ||
             StartsWith(line, "copy device to host 4 ");
    });
    EXPECT_EQ(replay, Lines{"launch graph " + lead});
  }
  EXPECT_EQ(fake.api.violations(), Lines{});
}

TEST(CudaIssuer, GraphsGoBeforeStreams) {
  FakeCuda api;
  const Plan plan = Build(kFourRanks);
  const SmallData data(kFourRanks.vocabulary);
  {
    LocalRanks ranks(plan, std::make_unique<CudaBackend>(plan, api, 0, Graphs::kOn), {}, &data,
                     &data);
    ranks.Run([](Rank rank) {
      rank.executor.Initialise();
      for (int64_t step = 0; step < 3; ++step) {
        rank.executor.RunStep(step, 0.1F);
        rank.executor.RunValidation(step);
      }
    });
    api.TakeLog();
  }
  const Lines log = api.TakeLog();
  ASSERT_GT(log.size(), 2U);
  EXPECT_EQ(Lines(log.begin(), log.begin() + 2), (Lines{"destroy graph", "destroy graph"}));
  EXPECT_EQ(api.violations(), Lines{});
  EXPECT_EQ(api.alive(), Lines{});
}

TEST(CudaIssuer, ACallThatFailsIsReportedWithRankInstructionAndLine) {
  for (const int step : {0, 1}) {
    SCOPED_TRACE(step == 0 ? "eager" : "captured");
    OnFake fake(kFourRanks, Graphs::kOn);
    for (int before = 0; before < step; ++before) fake.Step();
    fake.api.FailCall("launch update", CudaStatus::kInvalidValue, 1);
    const std::string why = fake.FailureOfStep();
    EXPECT_TRUE(why.starts_with("rank 1, `update")) << why;
    EXPECT_NE(why.find("; small.sched:1  by hand`: `launch update` failed: invalid argument"),
              std::string::npos)
        << why;
    EXPECT_EQ(fake.api.violations(), Lines{});
  }
}

TEST(CudaIssuer, AFailingCaptureEndsTheRun) {
  for (const std::string call :
       {"cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "cudaGraphLaunch",
        "cudaEventRecord", "cudaStreamWaitEvent"}) {
    OnFake fake(kFourRanks, Graphs::kOn);
    fake.Step();
    fake.api.FailCall(call, CudaStatus::kOutOfMemory);
    const std::string why = fake.FailureOfStep();
    EXPECT_TRUE(why.starts_with("rank 0: `" + call)) << why;
    EXPECT_NE(why.find("failed: out of memory"), std::string::npos) << why;
    EXPECT_EQ(fake.api.violations(), Lines{});
  }
}

TEST(CudaIssuer, AKernelThatFailsIsFoundByItsMarksAndNotInAGraph) {
  OnFake eager(kFourRanks, Graphs::kOff);
  eager.api.FailKernel(20);
  const std::string why = eager.FailureOfStep();
  EXPECT_TRUE(StartsWith(why, "rank ")) << why;
  EXPECT_NE(why.find("; small.sched:1  by hand`: `cudaStreamQuery` failed: an illegal memory "
                     "access was encountered"),
            std::string::npos)
      << why;

  OnFake replayed(kFourRanks, Graphs::kOn);
  replayed.Step();
  replayed.Step();
  replayed.api.FailKernel(20);
  EXPECT_EQ(replayed.FailureOfStep(),
            "rank 0: `cudaStreamQuery` failed: an illegal memory access was encountered; with "
            "`--graphs off` the instruction is known");
}

// The events of one kind of instruction, in their order.
template <class Kind>
std::vector<TraceEvent> Transfers(const Plan& plan, const std::vector<TraceEvent>& trace) {
  std::vector<TraceEvent> found;
  for (const TraceEvent& event : trace) {
    const Position& at = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
    const Program& program = at.programs[static_cast<size_t>(event.program)];
    const Instruction& instruction = program.instructions[static_cast<size_t>(event.instruction)];
    if (std::holds_alternative<Kind>(instruction.operands)) found.push_back(event);
  }
  return found;
}

TEST(CudaIssuer, TracesEveryInstructionEagerlyAndInAGraph) {
  for (const Graphs graphs : {Graphs::kOff, Graphs::kOn}) {
    SCOPED_TRACE(graphs == Graphs::kOn ? "graphs" : "no graphs");
    OnFake fake(kFourRanks, graphs);
    for (int step = 0; step < 3; ++step) fake.Step();
    fake.ranks().Run([](Rank rank) { rank.executor.StartTrace(3, 2); });
    fake.Step();
    fake.ranks().Run([](Rank rank) { rank.executor.RunValidation(0); });
    fake.Step();
    std::vector<std::vector<TraceEvent>> traces(4);
    fake.ranks().Run([&](Rank rank) {
      traces[static_cast<size_t>(rank.executor.rank())] = rank.executor.StopTrace();
    });
    // The trace ends with it: no timing event is recorded any more.
    const Lines after = fake.Step();
    EXPECT_EQ(std::ranges::count_if(
                  after, [](const auto& line) { return StartsWith(line, "launch graph"); }),
              graphs == Graphs::kOn ? 1 : 0);
    for (int64_t rank = 0; rank < 4; ++rank) {
      const std::vector<TraceEvent>& trace = traces[static_cast<size_t>(rank)];
      const PositionId position = CoordinatesOf(fake.plan(), rank).position;
      const Position& at = fake.plan().positions[position.index()];
      size_t expected = 0;
      for (const auto& [program, times] : {std::pair{ProgramKind::kStep, size_t{2}},
                                           std::pair{ProgramKind::kValidate, size_t{1}}}) {
        expected += times * at.programs[static_cast<size_t>(program)].instructions.size();
      }
      ASSERT_EQ(trace.size(), expected) << "rank " << rank;
      std::map<StreamId, double> ends;
      std::set<std::tuple<ProgramKind, int64_t, int32_t>> seen;
      for (const TraceEvent& event : trace) {
        EXPECT_TRUE(seen.insert({event.program, event.repeat, event.instruction}).second);
        const StreamId stream = at.programs[static_cast<size_t>(event.program)]
                                    .instructions[static_cast<size_t>(event.instruction)]
                                    .stream;
        EXPECT_LE(event.begin, event.end);
        if (ends.contains(stream)) {
          EXPECT_GE(event.begin, ends[stream]);
        }
        ends[stream] = event.end;
      }
    }
    // One clock for all ranks: each end of a transfer begins before the other is over.
    const std::vector<TraceEvent> sends = Transfers<Send>(fake.plan(), traces[0]);
    const std::vector<TraceEvent> recvs = Transfers<Recv>(fake.plan(), traces[2]);
    ASSERT_EQ(sends.size(), recvs.size());
    EXPECT_EQ(sends.size(), 6U);
    for (size_t i = 0; i < sends.size(); ++i) {
      EXPECT_LE(sends[i].begin, recvs[i].end);
      EXPECT_LE(recvs[i].begin, sends[i].end);
    }
    EXPECT_EQ(fake.api.violations(), Lines{});
  }
}

// Each thread of a rank has to choose it, before whatever it does.
TEST(CudaIssuer, RunsOnAnotherGpuThanTheFirst) {
  OnFake fake(kFourRanks, Graphs::kOn, {}, 2);
  for (int step = 0; step < 3; ++step) fake.Step();
  fake.ranks().Run([](Rank rank) {
    rank.executor.RunValidation(0);
    rank.executor.StartTrace(3, 2);
  });
  fake.Step();
  fake.ranks().Run([](Rank rank) {
    rank.executor.RunValidation(1);
    rank.executor.StopTrace();
  });
  fake.Step();
  EXPECT_EQ(fake.api.violations(), Lines{});
}

TEST(CudaIssuer, OneRanksFailureEndsThoseThatWaitForIt) {
  OnFake fake(kFourRanks, Graphs::kOn);
  std::string why;
  try {
    fake.ranks().Run([](Rank rank) {
      if (rank.executor.rank() == 2) throw std::runtime_error("rank 2 is out of paper");
      rank.executor.RunStep(0, 0.1F);
    });
  } catch (const std::runtime_error& error) {
    why = error.what();
  }
  EXPECT_EQ(why, "rank 2 is out of paper");
}

TEST(CudaIssuer, AGraphThatHangsIsReportedAndEnds) {
  std::string report;
  OnFake fake({.positions = 1}, Graphs::kOn,
              {.patience = std::chrono::seconds(1),
               .on_hang = [&](const std::string& text) { report = text; }});
  for (int step = 0; step < 3; ++step) fake.Step();
  // The state goes up before the graph is launched, so let that through.
  fake.api.FailCall("cudaStreamQuery", CudaStatus::kNotReady, 1);
  const std::string why = fake.FailureOfStep();
  EXPECT_TRUE(StartsWith(why, "nothing has moved for ")) << why;
  EXPECT_TRUE(StartsWith(report,
                         "the GPU replays a graph, which does not show its instructions; "
                         "`--graphs off` does\nrank 0\n"))
      << report;
}

TEST(CudaIssuer, GraphsAreProgressThatTheWatchdogSees) {
  OnFake fake({.positions = 1}, Graphs::kOn);
  for (int step = 0; step < 3; ++step) fake.Step();
  const int64_t before = fake.ranks().executor(0).Progress();
  fake.Step();
  EXPECT_GT(fake.ranks().executor(0).Progress(), before);
}

}  // namespace
}  // namespace pprun
