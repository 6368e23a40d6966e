// Jobs over real connections: values, the control channel, and how each way of failing reaches all.
#include "runtime/processes/job.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "runtime/communicator.h"
#include "runtime/processes/job_control.h"
#include "tests/conformance/control_conformance.h"
#include "tests/processes/job_world.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

class JobRoom : public ControlRoom {
 public:
  JobRoom(int64_t ranks, milliseconds deadline) : world_(ranks) {
    for (int64_t rank = 0; rank < ranks; ++rank) {
      controls_.push_back(std::make_unique<JobControls>(world_.job(rank), deadline));
    }
  }
  Controls& controls(int64_t rank) override { return *controls_[static_cast<size_t>(rank)]; }

 private:
  JobWorld world_;
  std::vector<std::unique_ptr<JobControls>> controls_;
};

INSTANTIATE_TEST_SUITE_P(Job, ControlConformance,
                         testing::Values(ControlCase{"job",
                                                     [](int64_t ranks, milliseconds deadline) {
                                                       return std::make_unique<JobRoom>(ranks,
                                                                                        deadline);
                                                     }}),
                         [](const auto& one) { return one.param.name; });

// What a rank ends with; empty if it does not within ten seconds.
std::string ReasonOf(Job& job) {
  const Deadline deadline = After(milliseconds(10000));
  while (!job.stop().raised() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  const std::optional<JobFailure> failure = job.failure();
  return failure ? failure->why : "";
}

void NameHosts(Job::Options& options) { options.host = "node" + std::to_string(options.rank); }

TEST(Job, ValuesReachWhoeverAsksBeforeOrAfter) {
  JobWorld world(3);
  EXPECT_EQ(world.job(0).token().size(), 32);
  EXPECT_EQ(world.job(2).token(), world.job(0).token());
  std::thread early([&] { EXPECT_EQ(world.job(1).Get("key"), std::string("a\0b", 3)); });
  std::this_thread::sleep_for(milliseconds(20));
  world.job(2).Set("key", std::string("a\0b", 3));
  early.join();
  EXPECT_EQ(world.job(0).Get("key"), std::string("a\0b", 3));
}

TEST(Job, AWaitForAValueEnds) {
  JobWorld world(2, [](Job::Options& options) { options.patience = milliseconds(400); });
  try {
    world.job(1).Get("never");
    FAIL() << "nobody set it";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "rank 1 waited 0 s for `never` of another rank");
  }
}

TEST(Job, AFailureReachesAllWithOneReason) {
  JobWorld world(4, NameHosts);
  std::atomic<int> told{0};
  const Job::Watch watch(world.job(3), [&](const JobFailure& failure) {
    EXPECT_EQ(failure.rank, 2);
    ++told;
  });
  world.job(2).Fail({.kind = JobFailure::Kind::kPlaced, .why = "no data"});
  world.job(1).Fail({.why = "too late"});
  for (int64_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(ReasonOf(world.job(rank)), "no data");
    EXPECT_EQ(world.job(rank).failure()->kind, JobFailure::Kind::kPlaced);
    EXPECT_THROW(world.job(rank).Get("key"), AbortedError);
  }
  EXPECT_EQ(told, 1);
  // A watch that comes late is told at once.
  const Job::Watch late(world.job(3), [&](const JobFailure&) { ++told; });
  EXPECT_EQ(told, 2);
}

TEST(Job, ARankThatGoesAwayIsNamed) {
  for (const int64_t gone : {1, 2}) {
    JobWorld world(3, NameHosts);
    world.Remove(gone);
    for (int64_t rank = 0; rank < 3; ++rank) {
      if (rank == gone) continue;
      EXPECT_EQ(ReasonOf(world.job(rank)), "rank " + std::to_string(gone) + " on node" +
                                               std::to_string(gone) +
                                               " is gone: its connection was closed");
    }
  }
}

TEST(Job, ARankThatLeftIsNotGone) {
  JobWorld world(3);
  world.job(1).Leave();
  world.Remove(1);
  world.job(0).Set("still", "here");
  EXPECT_EQ(world.job(2).Get("still"), "here");
  EXPECT_FALSE(world.job(2).failure());
}

TEST(Job, AnotherPlanIsNamed) {
  JobWorld world(3, [](Job::Options& options) {
    NameHosts(options);
    options.plan_digest = options.rank == 2 ? 0xabc : 0x123;
  });
  for (int64_t rank = 0; rank < 3; ++rank) {
    EXPECT_FALSE(world.Has(rank));
    EXPECT_EQ(world.error(rank),
              "rank 2 on node2 runs another plan than rank 0, or with other flags (digest "
              "0000000000000abc, not 0000000000000123); give all ranks the same of both");
  }
}

TEST(Job, RanksThatDoNotComeAreNamed) {
  JobWorld world(4, [](Job::Options& options) {
    options.patience = milliseconds(300);
    // The last one goes elsewhere.
    if (options.rank == 3) options.job = "another";
  });
  EXPECT_EQ(world.error(3), "another job listens there");
  for (int64_t rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(world.error(rank), "rank 3 did not come within 1 s");
  }
}

TEST(Job, ARankThatComesTwiceIsRefused) {
  JobWorld world(3, [](Job::Options& options) {
    NameHosts(options);
    options.patience = milliseconds(300);
    if (options.rank == 2) options.rank = 1;
  });
  const std::string& one = world.error(1);
  const std::string& other = world.error(2);
  const std::string twice = " has come twice; the first is on node";
  EXPECT_TRUE(one.find(twice) != std::string::npos || other.find(twice) != std::string::npos)
      << one << other;
  EXPECT_EQ(world.error(0), "rank 2 did not come within 1 s");
}

TEST(Job, WhereNobodyListensIsSaid) {
  Descriptor listener = ListenOn({"127.0.0.1", 0});
  const Endpoint closed = EndpointOf(listener);
  listener.Close();
  try {
    const Job job({.job = "test",
                   .rank = 1,
                   .ranks = 2,
                   .rendezvous = closed,
                   .patience = milliseconds(100)});
    FAIL() << "nobody listens";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "cannot connect to `" + ToText(closed) + "`: connection refused");
  }
}

// A member that says nothing any more, as a machine that lost its power.
// Where nothing moves for want of whoever is silent, both sides say so.
TEST(Job, AHangBesideSilenceNamesWhoIsSilent) {
  Descriptor listener = ListenOn({"127.0.0.1", 0});
  const Endpoint rendezvous = EndpointOf(listener);
  const StopSignal never;
  const auto send = [&](const Descriptor& socket, const std::string& frame) {
    SendAll(socket, std::as_bytes(std::span(frame)), After(milliseconds(5000)), never);
  };
  const std::string silence = " on far has not been heard of for 1 s";
  {
    // Rank 1 joins, and that is all it does.
    Descriptor rank1;
    std::thread joins([&] {
      rank1 = ConnectTo(rendezvous, After(milliseconds(5000)), never);
      send(rank1, FrameOf(MessageKind::kHello,
                          ToBody(Hello{.job = "test", .rank = 1, .ranks = 2, .host = "far"})));
    });
    Job job({.job = "test",
             .rank = 0,
             .ranks = 2,
             .rendezvous = rendezvous,
             .listener = std::move(listener),
             .patience = milliseconds(1500),
             .linger = milliseconds(100)});
    joins.join();
    std::this_thread::sleep_for(milliseconds(900));
    job.Fail({.kind = JobFailure::Kind::kHang, .why = "nothing moves"});
    EXPECT_EQ(ReasonOf(job), "nothing moves, and rank 1" + silence);
  }
  // Rank 0 welcomes, and that is all it does.
  listener = ListenOn({"127.0.0.1", 0});
  Descriptor rank0;
  std::thread welcomes([&] {
    rank0 = AcceptWithin(listener, After(milliseconds(5000)), never);
    send(rank0,
         FrameOf(MessageKind::kWelcome,
                 BodyWriter().PutText(std::string(32, 't')).PutText("far").Put(uint8_t{1}).Take()));
  });
  Job job({.job = "test",
           .rank = 1,
           .ranks = 2,
           .rendezvous = EndpointOf(listener),
           .patience = milliseconds(1500)});
  welcomes.join();
  std::this_thread::sleep_for(milliseconds(900));
  job.Fail({.kind = JobFailure::Kind::kHang, .why = "nothing moves"});
  EXPECT_EQ(ReasonOf(job), "nothing moves, and rank 0" + silence);
  EXPECT_EQ(job.failure()->rank, 1);
}

TEST(ClockOffsets, TakeTheShortestTripOfTheMinute) {
  ClockOffsets offsets;
  EXPECT_EQ(offsets.At(100), 0);
  // This clock at 60 is the other's at 1060; a slow answer says otherwise.
  offsets.Add(60, 1060.5, 61);
  EXPECT_EQ(offsets.At(60), 1000);
  offsets.Add(62, 1065.9, 66);
  EXPECT_EQ(offsets.At(60), 1000);
  offsets.Add(70, 1070.125, 70.25);
  EXPECT_EQ(offsets.At(60), 1000);
  // Ten minutes on it has gained two seconds.
  offsets.Add(660, 1662.5, 661);
  EXPECT_EQ(offsets.At(0), 1000);
  EXPECT_EQ(offsets.At(300), 1000);
  EXPECT_EQ(offsets.At(430), 1002);
  EXPECT_EQ(offsets.At(5000), 1002);
}

TEST(Job, SilenceIsNoticed) {
  Descriptor listener = ListenOn({"127.0.0.1", 0});
  const Endpoint rendezvous = EndpointOf(listener);
  std::thread silent([&] {
    const StopSignal never;
    const Descriptor socket = ConnectTo(rendezvous, After(milliseconds(5000)), never);
    const std::string hello = FrameOf(
        MessageKind::kHello, ToBody(Hello{.job = "test", .rank = 1, .ranks = 2, .host = "far"}));
    SendAll(socket, std::as_bytes(std::span(hello)), After(milliseconds(5000)), never);
    std::this_thread::sleep_for(milliseconds(2500));
  });
  Job job({.job = "test",
           .rank = 0,
           .ranks = 2,
           .rendezvous = rendezvous,
           .listener = std::move(listener),
           .patience = milliseconds(500)});
  EXPECT_EQ(ReasonOf(job), "rank 1 on far has not been heard of for 1 s");
  silent.join();
}

// Whoever connects and talks nonsense, or nothing, does not disturb the ranks.
TEST(Job, StrangersDoNotDisturb) {
  std::vector<Descriptor> strangers;
  const StopSignal never;
  JobWorld world(3, [&](Job::Options& options) {
    if (options.rank != 0) return;
    for (const std::string& words : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(),
                                     FrameOf(MessageKind::kHello, "hello"),
                                     FrameOf(MessageKind::kReport, ToBody(StepReport{}))}) {
      strangers.push_back(ConnectTo(options.rendezvous, After(milliseconds(1000)), never));
      SendAll(strangers.back(), std::as_bytes(std::span(words)), After(milliseconds(1000)), never);
    }
  });
  world.job(1).Set("key", "value");
  EXPECT_EQ(world.job(2).Get("key"), "value");
}

TEST(Job, ProgressIsThatOfAll) {
  JobWorld world(3, [](Job::Options& options) { options.patience = milliseconds(2000); });
  for (int64_t rank = 0; rank < 3; ++rank) world.job(rank).ShowProgress(10 + rank);
  const Deadline deadline = After(milliseconds(5000));
  while (world.job(1).TotalProgress() != 33 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(world.job(1).TotalProgress(), 33);
}

TEST(Job, AProcessThatCannotEndIsEnded) {
  std::atomic<int> given_up{0};
  JobWorld world(2, [&](Job::Options& options) {
    options.grace = milliseconds(50);
    options.patience = milliseconds(320);
    options.give_up = [&](const JobFailure& failure) {
      EXPECT_EQ(failure.why, "stuck");
      ++given_up;
    };
  });
  world.job(1).Fail({.why = "stuck"});
  const Deadline deadline = After(milliseconds(5000));
  while (given_up < 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(given_up, 2);
}

}  // namespace
}  // namespace pprun
