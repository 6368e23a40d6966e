// Hangs that others have published, each rebuilt from its description: rejected, with the reason,
// and the mended order beside it accepted.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "compiler/verify/checks.h"
#include "tests/verify/meetings_plan.h"

namespace pprun {
namespace {

// Positions that send and receive, each channel and group on a stream of its own; in issue order,
// as a rank with one queue runs it.
class Ranks {
 public:
  explicit Ranks(int positions) : plan_(MeetingsPlan(positions, 1)) {}

  Ranks& Send(int rank, int to, int microbatch = 0) {
    const ChannelId channel = ChannelFor(rank, to);
    return Add(rank, {.name = "send " + Number(channel), .kind = StreamKind::kTransfer},
               pprun::Send{BufferId(), channel, MicrobatchId(microbatch)});
  }
  Ranks& Recv(int rank, int from, int microbatch = 0) {
    const ChannelId channel = ChannelFor(from, rank);
    return Add(rank, {.name = "recv " + Number(channel), .kind = StreamKind::kTransfer},
               pprun::Recv{BufferId(), channel, MicrobatchId(microbatch)});
  }
  Ranks& Collect(int rank, GroupId group, CollectiveKind kind = CollectiveKind::kAllReduce) {
    auto& buffers = plan_.positions[static_cast<size_t>(rank)].buffers;
    if (buffers.empty()) buffers.push_back({"x", ArenaKind::kWorkspace, 0, {DType::kF32, {4}}});
    return Add(rank, {.name = "group", .kind = StreamKind::kCollective, .group = group},
               Collective{kind, BufferId(0), BufferId(0), group});
  }
  GroupId Group(const std::vector<PositionId>& positions) { return AddGroup(plan_, positions); }

  // What is wrong: "matching: ...", "deadlock: ..." with its notes; empty if nothing is.
  std::string Wrong() const {
    Findings findings;
    CheckMatching(plan_, findings);
    if (findings.empty()) CheckDeadlock(plan_, findings);
    std::string text;
    for (const Finding& finding : findings.Take()) {
      text += std::string(Name(finding.kind)) + ": " + finding.message + "\n";
      for (const FindingNote& note : finding.notes) text += "  " + note.text + "\n";
    }
    return text;
  }

 private:
  static std::string Number(ChannelId channel) { return std::to_string(channel.value); }
  ChannelId ChannelFor(int from, int to) {
    for (size_t i = 0; i < plan_.channels.size(); ++i) {
      if (plan_.channels[i].from.value == from && plan_.channels[i].to.value == to) {
        return ChannelId(static_cast<int64_t>(i));
      }
    }
    return AddChannel(plan_, from, to);
  }
  Ranks& Add(int rank, Stream stream, Operands operands) {
    auto& streams = plan_.positions[static_cast<size_t>(rank)].streams;
    size_t at = 0;
    while (at < streams.size() &&
           (streams[at].name != stream.name || streams[at].group != stream.group)) {
      ++at;
    }
    if (at == streams.size()) streams.push_back(stream);
    Issue(plan_, rank, static_cast<int>(at), std::move(operands));
    return *this;
  }

  Plan plan_;
};

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(FieldDeadlocks, TwoRanksThatBothSendFirst) {
  Ranks both(2);
  both.Send(0, 1).Recv(0, 1).Send(1, 0).Recv(1, 0);
  const std::string wrong = both.Wrong();
  EXPECT_TRUE(
      Contains(wrong, "deadlock: this schedule deadlocks where a rank's streams run in one"))
      << wrong;
  EXPECT_TRUE(Contains(wrong, "waits to send microbatch 0 to position 0 (channel `1 to 0`)"))
      << wrong;
  EXPECT_TRUE(Contains(wrong, "waits to send microbatch 0 to position 1 (channel `0 to 1`)"))
      << wrong;
  Ranks mended(2);
  mended.Send(0, 1).Recv(0, 1).Recv(1, 0).Send(1, 0);
  EXPECT_EQ(mended.Wrong(), "");
}

// What a rank could send at once stands behind what it waits for, and the other needs it first.
TEST(FieldDeadlocks, RecvAheadOfAReadySend) {
  Ranks ahead(2);
  ahead.Recv(0, 1).Send(0, 1).Recv(1, 0).Send(1, 0);
  const std::string wrong = ahead.Wrong();
  EXPECT_TRUE(Contains(wrong, "deadlock")) << wrong;
  EXPECT_TRUE(Contains(wrong, "waits for microbatch 0 from position 1")) << wrong;
  EXPECT_TRUE(Contains(wrong, "waits for microbatch 0 from position 0")) << wrong;
  Ranks mended(2);
  mended.Send(0, 1).Recv(0, 1).Recv(1, 0).Send(1, 0);
  EXPECT_EQ(mended.Wrong(), "");
}

// Every rank alike: send to the previous, receive from it, send to the next, receive from it. Even
// and odd ranks have to differ.
TEST(FieldDeadlocks, OneFixedOrderOfFourTransfers) {
  for (int pp = 4; pp <= 8; ++pp) {
    Ranks fixed(pp), mended(pp);
    for (int rank = 0; rank < pp; ++rank) {
      if (rank > 0) fixed.Send(rank, rank - 1).Recv(rank, rank - 1);
      if (rank + 1 < pp) fixed.Send(rank, rank + 1).Recv(rank, rank + 1);
      const auto even = [&](int other) { mended.Send(rank, other).Recv(rank, other); };
      const auto odd = [&](int other) { mended.Recv(rank, other).Send(rank, other); };
      const auto first = rank % 2 == 0 ? rank + 1 : rank - 1;
      const auto second = rank % 2 == 0 ? rank - 1 : rank + 1;
      for (const int other : {first, second}) {
        if (other < 0 || other >= pp) continue;
        rank % 2 == 0 ? even(other) : odd(other);
      }
    }
    const std::string wrong = fixed.Wrong();
    EXPECT_TRUE(Contains(wrong, "deadlock: ")) << "pp " << pp << "\n" << wrong;
    EXPECT_EQ(mended.Wrong(), "") << "pp " << pp;
  }
}

// Two ranks of two chunks each: what goes from chunk 0 to 1 and from chunk 2 to 3 goes from rank 0
// to rank 1 alike. Who takes the one for the other gets another microbatch; and where each first
// sends to the next, which is the previous, both send.
TEST(FieldDeadlocks, NextAndPreviousAreTheSameRank) {
  // Chunk 0 of microbatches 0, 1, then chunk 2 of microbatch 0; rank 1 expects chunk 3's input
  // before chunk 1's second.
  Ranks mixed(2);
  mixed.Send(0, 1, 0).Send(0, 1, 1).Recv(0, 1, 0).Send(0, 1, 0);
  mixed.Recv(1, 0, 0).Send(1, 0, 0).Recv(1, 0, 0).Recv(1, 0, 1);
  EXPECT_TRUE(Contains(mixed.Wrong(), "matching: channel `0 to 1`")) << mixed.Wrong();
  // In one order, but the first rank sends again before it takes what the other one sends.
  Ranks sends(2);
  sends.Send(0, 1, 0).Send(0, 1, 1).Recv(0, 1, 0).Send(0, 1, 0);
  sends.Recv(1, 0, 0).Send(1, 0, 0).Recv(1, 0, 1).Recv(1, 0, 0);
  EXPECT_TRUE(Contains(sends.Wrong(), "deadlock: ")) << sends.Wrong();
  Ranks mended(2);
  mended.Send(0, 1, 0).Recv(0, 1, 0).Send(0, 1, 1).Send(0, 1, 0);
  mended.Recv(1, 0, 0).Send(1, 0, 0).Recv(1, 0, 1).Recv(1, 0, 0);
  EXPECT_EQ(mended.Wrong(), "");
}

TEST(FieldDeadlocks, CollectivesInAnotherOrderOnTwoMembers) {
  // Of two groups: nothing on either is out of order, and yet each waits for the other.
  Ranks groups(3);
  const GroupId a = groups.Group({PositionId(0), PositionId(1)});
  const GroupId b = groups.Group({PositionId(0), PositionId(1), PositionId(2)});
  groups.Collect(0, a).Collect(0, b).Collect(1, b).Collect(1, a).Collect(2, b);
  const std::string wrong = groups.Wrong();
  EXPECT_TRUE(Contains(wrong, "deadlock: ")) << wrong;
  EXPECT_TRUE(Contains(wrong, "position 0")) << wrong;
  EXPECT_TRUE(Contains(wrong, "position 1")) << wrong;
  // Of one group: what meets is not the same.
  Ranks kinds(2);
  const GroupId one = kinds.Group({PositionId(0), PositionId(1)});
  kinds.Collect(0, one).Collect(0, one, CollectiveKind::kBroadcast);
  kinds.Collect(1, one, CollectiveKind::kBroadcast).Collect(1, one);
  EXPECT_TRUE(Contains(kinds.Wrong(), "matching: ")) << kinds.Wrong();
  Ranks mended(3);
  const GroupId c = mended.Group({PositionId(0), PositionId(1)});
  const GroupId d = mended.Group({PositionId(0), PositionId(1), PositionId(2)});
  mended.Collect(0, c).Collect(0, d).Collect(1, c).Collect(1, d).Collect(2, d);
  EXPECT_EQ(mended.Wrong(), "");
}

enum class Fused : bool { kNo, kYes };

// 1F1B with one queue a rank. Unfused, a rank of the steady state sends its activation before it
// takes the gradient that the next rank wants to send first. Fused, the two are one meeting; with
// one queue and nothing buffered that is: the even ranks send first.
std::string OneForwardOneBackward(int pp, int microbatches, Fused fused) {
  Ranks ranks(pp);
  for (int rank = 0; rank < pp; ++rank) {
    const int warmup = std::min(pp - 1 - rank, microbatches);
    const auto receive_forward = [&](int i) {
      if (rank > 0) ranks.Recv(rank, rank - 1, i);
    };
    const auto send_forward = [&](int i) {
      if (rank + 1 < pp) ranks.Send(rank, rank + 1, i);
    };
    const auto receive_backward = [&](int i) {
      if (rank + 1 < pp) ranks.Recv(rank, rank + 1, i);
    };
    const auto send_backward = [&](int i) {
      if (rank > 0) ranks.Send(rank, rank - 1, i);
    };
    const auto swap = [&](const std::function<void()>& send, const std::function<void()>& recv,
                          bool send_first) {
      send_first ? send() : recv();
      send_first ? recv() : send();
    };
    for (int i = 0; i < warmup; ++i) {
      receive_forward(i);
      send_forward(i);
    }
    const int steady = microbatches - warmup;
    if (steady > 0) receive_forward(warmup);
    for (int i = 0; i < steady; ++i) {
      const bool last = i + 1 == steady;
      const bool first = fused == Fused::kNo || rank % 2 == 0;
      swap([&] { send_forward(warmup + i); }, [&] { receive_backward(i); }, first);
      if (last) {
        send_backward(i);
      } else {
        swap([&] { send_backward(i); }, [&] { receive_forward(warmup + i + 1); }, first);
      }
    }
    for (int i = steady; i < microbatches; ++i) {
      receive_backward(i);
      send_backward(i);
    }
  }
  return ranks.Wrong();
}

TEST(FieldDeadlocks, UnfusedOneForwardOneBackwardOnOneQueue) {
  for (int pp = 2; pp <= 6; ++pp) {
    for (int microbatches : {pp, pp + 1, 2 * pp}) {
      const std::string wrong = OneForwardOneBackward(pp, microbatches, Fused::kNo);
      EXPECT_TRUE(Contains(wrong, "deadlock: ")) << pp << " ranks\n" << wrong;
      EXPECT_TRUE(Contains(wrong, "waits to send")) << wrong;
      EXPECT_EQ(OneForwardOneBackward(pp, microbatches, Fused::kYes), "")
          << pp << " ranks, " << microbatches << " microbatches";
    }
  }
}

}  // namespace
}  // namespace pprun
