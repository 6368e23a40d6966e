#include "compiler/simulate/live_activations.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace pprun {
namespace {

struct Interval {
  double begin = std::numeric_limits<double>::infinity();
  double end = -std::numeric_limits<double>::infinity();
};

int64_t MostAtOnce(const std::vector<Interval>& intervals) {
  // Ends before begins of the same time.
  std::vector<std::pair<double, int64_t>> changes;
  for (const Interval& interval : intervals) {
    if (interval.begin > interval.end) continue;  // a trace of a part
    changes.emplace_back(interval.begin, 1);
    changes.emplace_back(interval.end, -1);
  }
  std::ranges::sort(changes);
  int64_t live = 0, most = 0;
  for (const auto& [time, change] : changes) most = std::max(most, live += change);
  return most;
}

}  // namespace

std::map<int64_t, int64_t> LiveActivations(const Plan& plan, const Trace& trace, int64_t repeat) {
  using Key = std::tuple<int64_t, StageId, MicrobatchId>;  // run of the step, stage, microbatch
  std::map<int64_t, std::map<Key, Interval>> by_rank;
  for (const TraceEvent& event : trace.events) {
    if (event.program != ProgramKind::kStep) continue;
    if (repeat != kAllRepeats && event.repeat != repeat) continue;
    const Position& position = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
    const Program& program = position.programs[static_cast<size_t>(event.program)];
    const Instruction& instruction = program.instructions[static_cast<size_t>(event.instruction)];
    const Run* run = std::get_if<Run>(&instruction.operands);
    if (run == nullptr || run->kind == TaskKind::kRecompute) continue;
    Interval& interval = by_rank[event.rank][{event.repeat, run->stage, run->microbatch}];
    if (run->kind == TaskKind::kForward) {
      interval.begin = std::min(interval.begin, event.begin);
    } else {
      interval.end = std::max(interval.end, event.end);
    }
  }
  std::map<int64_t, int64_t> peaks;
  for (const auto& [rank, activations] : by_rank) {
    std::vector<Interval> intervals;
    for (const auto& [key, interval] : activations) intervals.push_back(interval);
    peaks[rank] = MostAtOnce(intervals);
  }
  return peaks;
}

}  // namespace pprun
