// What one rank's thread does: initialise, then steps, with validation where it is due, and what
// the ranks agree on in between. The same on every rank, so all end after the same step. Tests:
// run_test.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "runtime/launch.h"
#include "runtime/weights.h"

namespace pprun {

// Steps of which a run keeps a trace: after the first few, which warm up.
struct TracedSteps {
  int64_t first = 0;
  int64_t count = 0;

  int64_t end() const { return first + count; }
};
TracedSteps StepsToTrace(int64_t steps, int64_t wanted);

// The time of one step on one rank, validation not counted.
struct StepTime {
  double seconds = 0;
  double since_start = 0;  // at its end
};

struct TrainRankOptions {
  const WeightsFile* initial = nullptr;          // null: as the plan initialises
  const std::atomic<int>* interrupts = nullptr;  // more than 0: stop
  TracedSteps traced;
  // Called for each step that has been judged, in order, by this rank's thread; with the loss of
  // the validation, if one follows it and is not broken off. Says whether the run should go on.
  std::function<StepReport::Wish(const StepVerdict&, const StepTime&)> on_step;
};

struct TrainRankResult {
  enum class End : uint8_t { kFinished, kStopped } end = End::kFinished;
  int64_t steps = 0;
  std::vector<TraceEvent> trace;
};

// Throws what went wrong; a verdict that fails is thrown on every rank.
TrainRankResult TrainRank(const Plan& plan, Rank rank, const TrainRankOptions& options);

}  // namespace pprun
