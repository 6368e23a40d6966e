// What `greedy` is to order: parts (a stage of a pipe, held by a rank as one of its chunks), their
// costs, and what each rank may hold.
//
// Tasks of one kind and part run in ascending microbatches: all of them cost the same, so no other
// order is better, and gradients sum in the order in which the microbatches are numbered. A rank's
// order is then a word over (chunk, kind), whose k-th letter of a kind is the k-th microbatch of
// its pipe. A part's activation is held from its forward to its weight gradient, or to its backward
// where that is one task; so what a rank holds depends on its own order alone.
//
// Tests: list_schedule_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pprun {

// What a part does with a microbatch. Where a backward is one task, it is the gradient.
enum class Piece : uint8_t { kForward, kGradient, kWeight };
inline constexpr size_t kPieces = 3;
inline constexpr std::array kAllPieces = {Piece::kForward, Piece::kGradient, Piece::kWeight};

// A letter of a rank's order.
struct GreedyTask {
  int32_t chunk = 0;
  Piece piece = Piece::kForward;

  bool operator==(const GreedyTask&) const = default;
};
using RankOrder = std::vector<GreedyTask>;
using RankOrders = std::vector<RankOrder>;

// A number for every task: by piece, and then GreedyPart::first plus the microbatch within its
// pipe.
using PieceTable = std::array<std::vector<int64_t>, kPieces>;

// The queues that a transfer goes through, at its sender and at its receiver: it starts once those
// before it in both have ended. One queue at both ends: only this sender and this receiver use it.
// -1: none, a transfer takes its time whatever others do.
struct QueueEnds {
  int32_t sender = -1;
  int32_t receiver = -1;
};

struct GreedyPart {
  int32_t rank = 0;
  int32_t chunk = 0;
  int32_t stage = 0;
  int32_t pipe = 0;
  int32_t earlier = -1;  // the part of the stage before, of the same pipe; -1: none
  int32_t later = -1;
  int32_t microbatches = 0;
  size_t first = 0;                               // of its microbatches in a PieceTable
  std::array<int64_t, kPieces> cost = {1, 1, 1};  // a gradient that is a backward costs both
  int64_t size = 1;                               // of an activation, in the unit of the limit
  std::array<QueueEnds, 2> queues = {};           // of what its forwards and gradients hand over
};

struct GreedyRank {
  std::vector<int32_t> parts;  // by chunk
  int64_t limit = 0;           // of what is held at once
  bool splits = true;          // its backwards have two tasks
  // Kinds by preference, 0 first.
  std::array<int32_t, kPieces> preference = {1, 0, 2};
  // Where the schedule gives the order of this rank itself, and there is nothing to choose.
  RankOrder given = {};
};

struct GreedyProblem {
  int32_t stages = 1;
  int64_t transfer = 0;  // what one takes, between ranks
  int32_t queues = 0;    // of transfers
  std::vector<GreedyPart> parts;
  std::vector<GreedyRank> ranks;
  size_t table = 0;  // entries of a piece's column in a PieceTable

  GreedyPart& operator[](int32_t part) { return parts[static_cast<size_t>(part)]; }
  const GreedyPart& operator[](int32_t part) const { return parts[static_cast<size_t>(part)]; }
  const GreedyPart& PartOf(size_t rank, GreedyTask letter) const {
    return parts[static_cast<size_t>(ranks[rank].parts[letter.chunk])];
  }
  // How many letters a rank's order has.
  int64_t Tasks(size_t rank) const {
    int64_t tasks = 0;
    for (int32_t part : ranks[rank].parts) {
      tasks +=
          int64_t{parts[static_cast<size_t>(part)].microbatches} * (ranks[rank].splits ? 3 : 2);
    }
    return tasks;
  }
};

}  // namespace pprun
