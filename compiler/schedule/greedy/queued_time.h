// When an order ends whose transfers queue and whose buffers are reused: by the clock that a plan
// of it is simulated with.
//
// It does what passes do. Transfers are ordered by when their producers would end if none waited
// for another, and each goes through the queue at either end (insert_transfers.cc). What is sent
// and received has slots, one more than are in use at once in the order of issue; a slot is taken
// again once its last user has ended (assign_memory.cc). A received activation and
// gradient have their slots until the weight gradient, what is sent until it has gone. Of a task
// that is several runs it takes what each uses as used throughout. Linear in the tasks but for
// sorting the transfers. Tests: queued_time_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "compiler/schedule/greedy/problem.h"

namespace pprun {

// Reuses its tables from one order to the next.
class QueuedClock {
 public:
  explicit QueuedClock(const GreedyProblem& problem);

  // Of orders in which every rank comes to its end. One that takes more than `most` has some time
  // above that: it is left as soon as a rank cannot end by then.
  int64_t Makespan(const RankOrders& orders, int64_t most = std::numeric_limits<int64_t>::max());

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // A task. Inputs are numbered by forward or gradient, part and microbatch.
  struct Step {
    int64_t cost = 0;
    int64_t start = 0;        // if no transfer waited for another
    uint32_t input = kNone;   // that it waits for, of another part
    uint32_t output = kNone;  // that it hands over
    int32_t target = 0;       // the part that takes the output
    QueueEnds queues;
    Piece piece = Piece::kForward;
    bool crosses = false;  // the output goes to another rank
    // It is the last to read what its part received.
    std::array<bool, 2> releases = {};
    uint64_t tie = 0;  // of transfers due at once: by stage, direction and microbatch
  };
  // Slots of buffers of one kind on one rank.
  struct Slots {
    std::vector<int64_t> free;  // when their users end, in the order of issue
    size_t taken = 0;           // of these

    // When the one that comes next may be written.
    int64_t Take() { return free.size() - taken < 2 ? 0 : free[taken++]; }
  };
  struct Transfer {
    int64_t due = 0;
    uint64_t tie = 0;
    int32_t rank = 0;
    uint32_t step = 0;
  };
  struct RankClock {
    std::vector<Step> steps;
    size_t next = 0;
    int64_t now = 0;
    int64_t work = 0;  // of all its steps
    int64_t left = 0;  // of those to come
    uint32_t waits_for = kNone;
    std::array<Slots, 2> sent;  // activations and gradients
    std::array<Slots, 2> received;
  };

  void SetSteps(const RankOrders& orders);
  void Restart();
  void RunNext(RankClock& rank);
  // When the last rank ends, or one above `most` if that is later. As if no transfer waited for
  // another; lists them.
  int64_t RunUnqueued(int64_t most);
  int64_t RunQueued(int64_t most);
  int64_t Latest() const;

  const GreedyProblem& problem_;
  std::vector<RankClock> ranks_;
  std::vector<int64_t> arrival_;  // by input; -1: not yet
  std::vector<int64_t> queue_free_;
  std::vector<int32_t> ready_;  // ranks to try
  std::vector<Transfer> transfers_;
};

}  // namespace pprun
