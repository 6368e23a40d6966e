// What every communicator must do. A backend instantiates the suite with how a world of ranks is
// made:
//
//   INSTANTIATE_TEST_SUITE_P(Local, CommunicatorConformance,
//                            testing::Values(WorldCase{"local", MakeLocalWorld}));
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/communicator_fixture.h"

namespace pprun {

TEST_P(CommunicatorConformance, ARecvGetsWhatWasSentInOrder) {
  const auto world = MakeWorld(2);
  auto source = Make<float>(*world, 0, {0, 0, 0});
  auto target = Make<float>(*world, 1, {0, 0, 0});
  const auto send = world->communicator(0).PrepareSend(ChannelId(0), 1, source.tensor);
  const auto recv = world->communicator(1).PrepareRecv(ChannelId(0), 0, target.tensor);
  const auto sender = world->device(0).CreateStream("send");
  const auto receiver = world->device(1).CreateStream("recv");
  for (float i = 0; i < 100; ++i) {
    source.Set({i, i + 1, i + 2});
    send->Issue(*sender);
    recv->Issue(*receiver);
    sender->Synchronise();
    receiver->Synchronise();
    EXPECT_EQ(target.Get(), (std::vector<float>{i, i + 1, i + 2}));
  }
}

// The promise that deadlock-freedom rests on, both ways: buffers would hide what real backends do
// not forgive.
TEST_P(CommunicatorConformance, ASendIsNotDoneBeforeItsRecvRuns) {
  const auto world = MakeWorld(2);
  auto source = Make<float>(*world, 0, {1});
  auto target = Make<float>(*world, 1, {0});
  auto flag = Make<float>(*world, 0, {0});
  auto one = Make<float>(*world, 0, {1});
  const std::vector<DeviceCall> mark = {AddCall{one.tensor, flag.tensor}};
  const auto send = world->communicator(0).PrepareSend(ChannelId(0), 1, source.tensor);
  const auto recv = world->communicator(1).PrepareRecv(ChannelId(0), 0, target.tensor);
  const auto sender = world->device(0).CreateStream("send");
  const auto receiver = world->device(1).CreateStream("recv");
  sender->Begin(1);
  send->Issue(*sender);
  sender->End();
  if (InAnyOrder()) sender->Issue(mark);
  // Long enough for a buffered send to be done.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(sender->Head(), 1);
  recv->Issue(*receiver);
  if (!InAnyOrder()) sender->Issue(mark);
  sender->Synchronise();
  receiver->Synchronise();
  EXPECT_EQ(flag.Get(), std::vector<float>{1});
  EXPECT_EQ(target.Get(), std::vector<float>{1});
}

TEST_P(CommunicatorConformance, ACollectiveIsNotDoneBeforeAllHaveArrived) {
  const auto world = MakeWorld(3);
  const std::vector<int64_t> members = {0, 1, 2};
  std::vector<Array<float>> arrays;
  std::vector<std::unique_ptr<PreparedMeeting>> meetings;
  std::vector<std::unique_ptr<DeviceStream>> streams;
  for (int64_t rank = 0; rank < 3; ++rank) {
    arrays.push_back(Make<float>(*world, rank, {1, 2}));
    meetings.push_back(
        world->communicator(rank).PrepareCollective(CollectiveKind::kAllReduce, GroupId(0), members,
                                                    arrays.back().tensor, arrays.back().tensor, 0));
    streams.push_back(world->device(rank).CreateStream("r"));
  }
  for (size_t rank = 0; rank < 2; ++rank) {
    streams[rank]->Begin(5);
    meetings[rank]->Issue(*streams[rank]);
    streams[rank]->End();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(streams[0]->Head(), 5);
  EXPECT_EQ(streams[1]->Head(), 5);
  meetings[2]->Issue(*streams[2]);
  for (const auto& stream : streams) stream->Synchronise();
  for (const auto& array : arrays) EXPECT_EQ(array.Get(), (std::vector<float>{3, 6}));
}

TEST_P(CommunicatorConformance, ChannelsOfTheSameRanksDoNotMix) {
  const auto world = MakeWorld(2);
  auto a = Make<float>(*world, 0, {1});
  auto b = Make<float>(*world, 0, {2});
  auto to_a = Make<float>(*world, 1, {0});
  auto to_b = Make<float>(*world, 1, {0});
  const auto send_a = world->communicator(0).PrepareSend(ChannelId(0), 1, a.tensor);
  const auto send_b = world->communicator(0).PrepareSend(ChannelId(1), 1, b.tensor);
  const auto recv_a = world->communicator(1).PrepareRecv(ChannelId(0), 0, to_a.tensor);
  const auto recv_b = world->communicator(1).PrepareRecv(ChannelId(1), 0, to_b.tensor);
  const auto stream_a = world->device(0).CreateStream("a");
  const auto stream_b = world->device(0).CreateStream("b");
  const auto receiver = world->device(1).CreateStream("recv");
  send_a->Issue(*stream_a);
  send_b->Issue(*stream_b);
  // In the other order than they were sent.
  recv_b->Issue(*receiver);
  recv_a->Issue(*receiver);
  receiver->Synchronise();
  stream_a->Synchronise();
  stream_b->Synchronise();
  EXPECT_EQ(to_a.Get(), std::vector<float>{1});
  EXPECT_EQ(to_b.Get(), std::vector<float>{2});
}

TEST_P(CommunicatorConformance, AllReduceAddsInRankOrder) {
  for (const size_t ranks : {1, 2, 3, 5}) {
    for (const size_t elements : {1, 2, 7, 1000, 40000}) {
      SCOPED_TRACE(testing::Message() << ranks << " ranks, " << elements << " elements");
      const auto values = Values(ranks, elements);
      std::vector<float> sum = values[0];
      for (size_t rank = 1; rank < ranks; ++rank) {
        for (size_t i = 0; i < elements; ++i) sum[i] += values[rank][i];
      }
      const auto results = RunCollective<float>({.kind = CollectiveKind::kAllReduce}, values, 3);
      for (const auto& result : results) EXPECT_EQ(result, sum);
    }
  }
}

TEST_P(CommunicatorConformance, AllReduceOfOtherTypes) {
  EXPECT_EQ(RunCollective<double>({.kind = CollectiveKind::kAllReduce}, {{1, 2}, {0.5, -2}})[0],
            (std::vector<double>{1.5, 0}));
  EXPECT_EQ(RunCollective<int32_t>({.kind = CollectiveKind::kAllReduce}, {{1, 2}, {3, -2}})[1],
            (std::vector<int32_t>{4, 0}));
  // 1 and 2 in bf16; their sum is 3.
  EXPECT_EQ(RunCollective<uint16_t>({.kind = CollectiveKind::kAllReduce}, {{0x3f80}, {0x4000}})[1],
            (std::vector<uint16_t>{0x4040}));
}

TEST_P(CommunicatorConformance, AllGatherPutsTheSourcesInRankOrder) {
  for (const size_t ranks : {1, 2, 4}) {
    const auto values = Values(ranks, 33);
    std::vector<float> all;
    for (const auto& one : values) all.insert(all.end(), one.begin(), one.end());
    const auto results = RunCollective<float>({.kind = CollectiveKind::kAllGather,
                                               .place = CollectiveCase::Place::kApart,
                                               .target_elements = all.size()},
                                              values, 3);
    for (const auto& result : results) EXPECT_EQ(result, all);
  }
}

TEST_P(CommunicatorConformance, ReduceScatterGivesEachItsPartOfTheSum) {
  for (const size_t ranks : {1, 2, 4}) {
    const size_t part = 19;
    const auto values = Values(ranks, ranks * part);
    const auto results = RunCollective<float>({.kind = CollectiveKind::kReduceScatter,
                                               .place = CollectiveCase::Place::kApart,
                                               .target_elements = part},
                                              values, 3);
    for (size_t rank = 0; rank < ranks; ++rank) {
      for (size_t i = 0; i < part; ++i) {
        float sum = values[0][rank * part + i];
        for (size_t other = 1; other < ranks; ++other) sum += values[other][rank * part + i];
        EXPECT_EQ(results[rank][i], sum);
      }
    }
  }
}

TEST_P(CommunicatorConformance, BroadcastGivesAllTheRoots) {
  for (const int32_t root : {0, 2}) {
    const auto values = Values(3, 50);
    const auto results =
        RunCollective<float>({.kind = CollectiveKind::kBroadcast, .root = root}, values, 2);
    for (const auto& result : results) EXPECT_EQ(result, values[static_cast<size_t>(root)]);
  }
}

TEST_P(CommunicatorConformance, ReduceGivesTheRootTheSumAndLeavesTheOthers) {
  for (const int32_t root : {0, 1}) {
    const auto values = Values(3, 50);
    const auto results =
        RunCollective<float>({.kind = CollectiveKind::kReduce, .root = root}, values, 2);
    for (size_t i = 0; i < 50; ++i) {
      EXPECT_EQ(results[static_cast<size_t>(root)][i], values[0][i] + values[1][i] + values[2][i]);
    }
    EXPECT_EQ(results[2], values[2]);
  }
}

TEST_P(CommunicatorConformance, AllToAllTransposes) {
  const size_t ranks = 3;
  const size_t part = 4;
  const auto values = Values(ranks, ranks * part);
  const auto results = RunCollective<float>({.kind = CollectiveKind::kAllToAll,
                                             .place = CollectiveCase::Place::kApart,
                                             .target_elements = ranks * part},
                                            values, 2);
  for (size_t to = 0; to < ranks; ++to) {
    for (size_t from = 0; from < ranks; ++from) {
      for (size_t i = 0; i < part; ++i) {
        EXPECT_EQ(results[to][from * part + i], values[from][to * part + i]);
      }
    }
  }
}

TEST_P(CommunicatorConformance, PermuteShiftsAroundTheRing) {
  for (const int32_t shift : {1, -1, 2}) {
    const int64_t ranks = 3;
    const auto world = MakeWorld(ranks);
    const std::vector<int64_t> members = {0, 1, 2};
    std::vector<Array<int32_t>> sources, targets;
    std::vector<std::unique_ptr<PreparedMeeting>> meetings;
    std::vector<std::unique_ptr<DeviceStream>> streams;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      sources.push_back(Make<int32_t>(*world, rank, {static_cast<int32_t>(rank)}));
      targets.push_back(Make<int32_t>(*world, rank, {-1}));
      meetings.push_back(world->communicator(rank).PreparePermute(
          GroupId(0), members, sources.back().tensor, targets.back().tensor, shift));
      streams.push_back(world->device(rank).CreateStream("r"));
    }
    for (size_t rank = 0; rank < 3; ++rank) meetings[rank]->Issue(*streams[rank]);
    for (const auto& stream : streams) stream->Synchronise();
    for (int32_t rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(targets[static_cast<size_t>(rank)].Get()[0], (rank + 6 - shift) % 3);
    }
  }
}

TEST_P(CommunicatorConformance, GroupsOfSomeRanksDoNotDisturbOthers) {
  const auto world = MakeWorld(4);
  const std::vector<std::vector<int64_t>> groups = {{0, 2}, {1, 3}};
  std::vector<Array<float>> arrays;
  std::vector<std::unique_ptr<PreparedMeeting>> meetings;
  std::vector<std::unique_ptr<DeviceStream>> streams;
  for (int64_t rank = 0; rank < 4; ++rank) {
    arrays.push_back(Make<float>(*world, rank, {static_cast<float>(1 << rank)}));
    meetings.push_back(world->communicator(rank).PrepareCollective(
        CollectiveKind::kAllReduce, GroupId(0), groups[static_cast<size_t>(rank % 2)],
        arrays.back().tensor, arrays.back().tensor, 0));
    streams.push_back(world->device(rank).CreateStream("r"));
  }
  for (size_t rank = 0; rank < 4; ++rank) meetings[rank]->Issue(*streams[rank]);
  for (const auto& stream : streams) stream->Synchronise();
  EXPECT_EQ(arrays[0].Get()[0], 5);
  EXPECT_EQ(arrays[1].Get()[0], 10);
  EXPECT_EQ(arrays[2].Get()[0], 5);
  EXPECT_EQ(arrays[3].Get()[0], 10);
}

// Sixteen ranks pass a number around a ring and add it up, on however few cores.
TEST_P(CommunicatorConformance, ManyRanksMeetOnFewCores) {
  constexpr int64_t kRanks = 16;
  constexpr int kRounds = 20;
  const auto world = MakeWorld(kRanks);
  std::vector<int64_t> members(kRanks);
  std::iota(members.begin(), members.end(), 0);
  std::vector<Array<float>> outgoing, incoming;
  std::vector<std::unique_ptr<PreparedMeeting>> sends, recvs, sums;
  std::vector<std::unique_ptr<DeviceStream>> send_streams, streams;
  std::vector<std::unique_ptr<DeviceEvent>> sent, summed;
  for (int64_t rank = 0; rank < kRanks; ++rank) {
    outgoing.push_back(Make<float>(*world, rank, {static_cast<float>(rank)}));
    incoming.push_back(Make<float>(*world, rank, {-1}));
    Communicator& communicator = world->communicator(rank);
    // A channel a pair of neighbours.
    const int64_t next = (rank + 1) % kRanks;
    const int64_t before = (rank + kRanks - 1) % kRanks;
    sends.push_back(communicator.PrepareSend(ChannelId(rank), next, outgoing.back().tensor));
    recvs.push_back(communicator.PrepareRecv(ChannelId(before), before, incoming.back().tensor));
    sums.push_back(communicator.PrepareCollective(CollectiveKind::kAllReduce, GroupId(0), members,
                                                  outgoing.back().tensor, outgoing.back().tensor,
                                                  0));
    send_streams.push_back(world->device(rank).CreateStream("send"));
    streams.push_back(world->device(rank).CreateStream("main"));
    sent.push_back(world->device(rank).CreateEvent());
    summed.push_back(world->device(rank).CreateEvent());
  }
  for (int round = 0; round < kRounds; ++round) {
    for (size_t rank = 0; rank < kRanks; ++rank) {
      sends[rank]->Issue(*send_streams[rank]);
      const size_t next = (rank + 1) % kRanks;
      recvs[next]->Issue(*streams[next]);
    }
    for (size_t rank = 0; rank < kRanks; ++rank) {
      send_streams[rank]->Record(*sent[rank]);
      streams[rank]->Wait(*sent[rank]);
    }
    for (size_t rank = 0; rank < kRanks; ++rank) sums[rank]->Issue(*streams[rank]);
    for (size_t rank = 0; rank < kRanks; ++rank) {
      streams[rank]->Record(*summed[rank]);
      send_streams[rank]->Wait(*summed[rank]);
    }
    for (const auto& stream : streams) stream->Synchronise();
    for (const auto& stream : send_streams) stream->Synchronise();
    for (int64_t rank = 0; rank < kRanks; ++rank) {
      const auto at = static_cast<size_t>(rank);
      EXPECT_EQ(incoming[at].Get()[0], static_cast<float>((rank + kRanks - 1) % kRanks));
      EXPECT_EQ(outgoing[at].Get()[0], static_cast<float>(kRanks * (kRanks - 1) / 2));
      outgoing[at].Set({static_cast<float>(rank)});
    }
  }
}

TEST_P(CommunicatorConformance, AnAbortEndsEveryMeetingAndEveryLaterOne) {
  const auto world = MakeWorld(3);
  auto a = Make<float>(*world, 0, {1});
  auto b = Make<float>(*world, 1, {1});
  const std::vector<int64_t> members = {0, 1, 2};
  const auto send = world->communicator(0).PrepareSend(ChannelId(0), 2, a.tensor);
  const auto sum = world->communicator(1).PrepareCollective(CollectiveKind::kAllReduce, GroupId(0),
                                                            members, b.tensor, b.tensor, 0);
  const auto late = world->communicator(2).PrepareRecv(ChannelId(0), 0, b.tensor);
  const auto first = world->device(0).CreateStream("send");
  const auto behind = world->device(0).CreateStream("behind");
  const auto second = world->device(1).CreateStream("sum");
  const auto third = world->device(2).CreateStream("late");
  const auto event = world->device(0).CreateEvent();
  send->Issue(*first);
  if (InAnyOrder()) {
    // A stream that waits for one that meets ends with it.
    first->Record(*event);
    behind->Wait(*event);
  }
  sum->Issue(*second);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  world->communicator(2).Abort("rank 2 has had enough");
  world->communicator(1).Abort("too late to matter");
  for (DeviceStream* const stream : {first.get(), behind.get(), second.get()}) {
    try {
      stream->Synchronise();
      ADD_FAILURE() << "an aborted meeting was done";
    } catch (const AbortedError& error) {
      EXPECT_STREQ(error.what(), "rank 2 has had enough");
    }
  }
  late->Issue(*third);
  EXPECT_THROW(third->Synchronise(), AbortedError);
}

}  // namespace pprun
