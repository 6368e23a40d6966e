// An event-driven list scheduler: whenever a rank is free, it starts the task with the least key of
// those whose input is there and whose activation has room; where none is, it waits.
//
// Room is kept: what a rank holds leaves room for one activation of each of its parts that holds
// none and has microbatches left. Without that, V and looped placements lock: a rank full of
// activations of its first chunk waits for gradients that need its second. With it, the oldest
// microbatch that is not done finds room wherever it comes, as all before it are gone; so any limit
// of one activation a part is enough, whatever the placement.
//
// Backward, time runs from the last task to the first: a weight gradient takes the room that the
// forward frees. Transfers between two ranks wait for each other where only these two share a
// queue; the rest of what a plan waits for is queued_time.h's. One pass costs some hundred
// nanoseconds a task. Tests: list_schedule_test.cc.
#pragma once

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "compiler/schedule/greedy/problem.h"

namespace pprun {

struct ListRules {
  enum class Direction : uint8_t { kForward, kBackward } direction = Direction::kForward;
  // A task with a lesser key, known to become ready within so many eighths of the cost of the one
  // that would start, is waited for.
  int64_t patience = 0;
  // Most forwards of a rank whose gradients have not run; empty: no such limit. Forward only.
  std::vector<int64_t> ahead = {};
  // The order of forwards and gradients on every rank, between which weight gradients find room, or
  // of all tasks; null: chosen by their keys. Forward only.
  const RankOrders* backbone = nullptr;
};

struct ListResult {
  bool complete = false;  // false: no rank could go on
  int64_t makespan = 0;
  RankOrders orders;
  PieceTable begin;  // of every task, from the start of the first
};

// Reuses its tables from one pass to the next.
class ListScheduler {
 public:
  explicit ListScheduler(const GreedyProblem& problem);

  void Run(const PieceTable& keys, const ListRules& rules, ListResult& result);

 private:
  struct RankState {
    bool weights_are_free = false;  // the backbone does not say where they are
    int64_t free_at = 0;
    int64_t held = 0;
    int64_t kept = 0;  // for parts that hold none
    int64_t ahead = 0;
    int64_t kept_ahead = 0;  // parts of which none is ahead
    int64_t most_ahead = 0;
    size_t given = 0;  // letters of a given order that have run
  };
  struct Choice {
    int32_t part = -1;
    Piece piece = Piece::kForward;
    int64_t key = 0;
    int64_t arrival = 0;
  };
  using Event = std::pair<int64_t, int32_t>;  // time and rank

  void Reset(const ListRules& rules, ListResult& result);
  // The best task that is ready, if nothing better is worth waiting for.
  Choice Choose(int32_t rank, int64_t now) const;
  void Consider(const Choice& choice, int64_t now, Choice& ready, Choice& soon) const;
  void Start(int32_t rank, const Choice& choice, int64_t now, ListResult& result);
  // When a transfer of what is there at `end` arrives.
  int64_t Hop(const QueueEnds& queues, int64_t end);
  void Arrive(int32_t part, Piece piece, size_t microbatch, int64_t time);
  bool HasRoom(const RankState& state, const GreedyRank& rank, int32_t part) const;
  void Take(RankState& state, int32_t part);
  void Free(RankState& state, int32_t part);
  bool Backward() const { return rules_->direction == ListRules::Direction::kBackward; }
  size_t Entry(const GreedyPart& part, int32_t index) const {
    return part.first + static_cast<size_t>(Backward() ? part.microbatches - 1 - index : index);
  }

  const GreedyProblem& problem_;
  const PieceTable* keys_ = nullptr;
  const ListRules* rules_ = nullptr;
  PieceTable arrival_;  // when a task's input is there; by index in its direction
  std::vector<std::array<int32_t, kPieces>> done_;  // by part
  std::vector<RankState> states_;
  std::vector<int64_t> queue_free_;  // when a queue has done what it was given
  std::vector<Event> events_;        // a heap, earliest first
};

}  // namespace pprun
