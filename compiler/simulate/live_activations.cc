#include "compiler/simulate/live_activations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/tasks.h"

namespace pprun {
namespace {

struct Interval {
  double begin = std::numeric_limits<double>::infinity();
  double end = -std::numeric_limits<double>::infinity();
  // Whether what begins at its end is there with it.
  enum class Closed : uint8_t { kNo, kYes } closed = Closed::kNo;
};

using Activation = std::pair<StageId, MicrobatchId>;
using Lives = std::map<Activation, Interval>;

// The activation that a pair's forward makes, and the one that its other task works off.
struct HeldPair {
  Activation made;
  Activation used;
};

std::vector<HeldPair> PairsOf(const Position& position) {
  const std::vector<PlannedTask> tasks = TasksOf(position, ProgramKind::kStep).tasks;
  std::vector<HeldPair> pairs;
  for (const PlannedTask& task : tasks) {
    if (task.partner < 0 || task.kind != TaskKind::kForward) continue;
    const PlannedTask& partner = tasks[static_cast<size_t>(task.partner)];
    if (partner.kind == TaskKind::kForward) continue;
    pairs.push_back({{task.stage, task.microbatch}, {partner.stage, partner.microbatch}});
  }
  return pairs;
}

void HoldPairs(const std::vector<HeldPair>& pairs, Lives& lives) {
  for (const HeldPair& pair : pairs) {
    const auto made = lives.find(pair.made), used = lives.find(pair.used);
    if (made == lives.end() || used == lives.end()) continue;
    const double begin = made->second.begin;
    if (begin < used->second.end || std::isinf(begin)) continue;
    used->second.end = begin;
    used->second.closed = Interval::Closed::kYes;
  }
}

std::vector<ActivationChange> ChangesOf(const std::vector<Interval>& intervals) {
  // Of one time: what ends, what begins, and what ends after that.
  std::vector<std::tuple<double, int, int64_t>> turns;
  for (const Interval& interval : intervals) {
    if (std::isinf(interval.begin)) continue;  // a trace of a part
    turns.emplace_back(interval.begin, 1, 1);
    turns.emplace_back(interval.end, interval.closed == Interval::Closed::kYes ? 2 : 0, -1);
  }
  std::ranges::sort(turns);
  std::vector<ActivationChange> changes;
  for (const auto& [time, turn, change] : turns) changes.push_back({time, change});
  return changes;
}

}  // namespace

std::map<int64_t, std::vector<ActivationChange>> ActivationChanges(
    const Plan& plan, std::span<const TraceEvent> events) {
  std::map<int64_t, std::map<int64_t, Lives>> by_rank;  // and run of the step
  for (const TraceEvent& event : events) {
    const Position& position = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
    const Program& program = position.programs[static_cast<size_t>(ProgramKind::kStep)];
    const Instruction& instruction = program.instructions[static_cast<size_t>(event.instruction)];
    const Run* run = std::get_if<Run>(&instruction.operands);
    if (run == nullptr || run->kind == TaskKind::kRecompute) continue;
    Interval& interval = by_rank[event.rank][event.repeat][{run->stage, run->microbatch}];
    interval.end = std::max(interval.end, event.end);
    if (run->kind == TaskKind::kForward) interval.begin = std::min(interval.begin, event.begin);
  }
  std::map<int64_t, std::vector<ActivationChange>> changes;
  for (auto& [rank, runs] : by_rank) {
    const std::vector<HeldPair> pairs =
        PairsOf(plan.positions[CoordinatesOf(plan, rank).position.index()]);
    std::vector<Interval> intervals;
    for (auto& [of_run, lives] : runs) {
      HoldPairs(pairs, lives);
      for (const auto& [activation, interval] : lives) intervals.push_back(interval);
    }
    changes[rank] = ChangesOf(intervals);
  }
  return changes;
}

std::map<int64_t, int64_t> LiveActivations(const Plan& plan, const Trace& trace, int64_t repeat) {
  std::vector<TraceEvent> events;
  for (const TraceEvent& event : trace.events) {
    if (event.program != ProgramKind::kStep) continue;
    if (repeat == kAllRepeats || event.repeat == repeat) events.push_back(event);
  }
  std::map<int64_t, int64_t> peaks;
  for (const auto& [rank, changes] : ActivationChanges(plan, events)) {
    int64_t live = 0, most = 0;
    for (const ActivationChange& change : changes) most = std::max(most, live += change.change);
    peaks[rank] = most;
  }
  return peaks;
}

}  // namespace pprun
