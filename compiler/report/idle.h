// Where a run's time went, rank by rank: busy with tasks, or idle, and then for what. Measured and
// predicted traces are asked the same questions, so that their answers can be set beside each
// other. Tests: idle_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/linked_run.h"

namespace pprun {

enum class IdleCause : uint8_t {
  kDependency,  // what it needs was not computed yet
  kQueue,       // computed, but its transfer was not at the head of both queues
  kTransfer,    // on its way
  kLaunch,      // nothing was missing: gaps between instructions, and late wake-ups
  kOther,       // the stream worked, at something that is no task: loads, sums, updates
  kOutside,     // before the rank's first instruction or after its last
};
inline constexpr int kIdleCauseCount = 6;
// "dependency", "queue", ...
std::string_view Name(IdleCause cause);
// "what it needs was not computed yet", ...
std::string_view Meaning(IdleCause cause);

struct RankTime {
  int64_t rank = 0;
  double busy = 0;                             // tasks run; those that overlap count once
  std::array<double, kIdleCauseCount> idle{};  // adds up to makespan - busy
};

struct RunTimes {
  double begin = 0;             // of the first task of any rank
  double end = 0;               // of the last
  std::vector<RankTime> ranks;  // those that run tasks, ascending
};

// Of one run. Ranks with two compute streams are asked by the first one.
RunTimes TimesOf(const LinkedRun& run);

}  // namespace pprun
