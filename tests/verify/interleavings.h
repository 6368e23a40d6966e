// Every way in which a program may run, one by one: the slow truth that the machine and the
// deadlock check are compared with. Shares nothing with them.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/semantics.h"

namespace pprun {

// How the runs of a program end: all have the same end if `ends` is 1.
struct Interleavings {
  int64_t states = 0;     // that some interleaving reaches
  int64_t ends = 0;       // of these, the different ones in which nothing can go on
  int64_t completed = 0;  // of these, those in which everything has run; at most 1
};

// The step program of a plan, all sends, recvs, collectives over several positions, records and
// waits; `repeats` times, each position by itself. Small: at most 8 queues of 15 instructions, 4
// positions.
class Explorer {
 public:
  Interleavings Explore(const Plan& plan, StreamView view, int32_t repeats);

 private:
  enum class Kind : uint8_t { kAlone, kSend, kRecv, kCollective, kRecord, kWait };
  struct Step {
    Kind kind = Kind::kAlone;
    int32_t id = -1;
  };
  struct Queue {
    size_t position = 0;
    std::vector<Step> steps;
  };

  void Load(const Plan& plan, StreamView view);
  bool HasRun(uint64_t state, size_t position, int32_t event) const;
  void Visit(uint64_t state);
  size_t SlotOf(uint64_t state) const;
  uint64_t Advance(uint64_t state, size_t queue) const;
  uint64_t JoinEnded(uint64_t state) const;
  const Step* Head(uint64_t state, size_t queue) const;
  void Successors(uint64_t state);

  std::vector<Queue> queues_;
  std::vector<std::vector<size_t>> members_;  // by group: positions
  size_t positions_ = 0;
  uint64_t repeats_ = 1;
  std::vector<uint64_t> pending_;
  std::vector<uint64_t> seen_;  // open addressing; 0: free
  std::vector<uint64_t> all_;   // that are in seen_
  std::vector<size_t> used_;    // room for their slots
  bool moved_ = false;
};

}  // namespace pprun
