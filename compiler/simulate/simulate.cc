#include "compiler/simulate/simulate.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/semantics.h"
#include "compiler/simulate/arranged_program.h"
#include "compiler/simulate/tasks.h"

namespace pprun {
namespace {

// The clocks of one position.
struct Clock {
  int64_t rank = 0;
  int32_t repeat = 0;
  const Program* program = nullptr;
  const std::vector<int32_t>* original = nullptr;  // null: as it is
  std::vector<double> costs;                       // by instruction of the original
  std::vector<double> streams;                     // when each has done what it was given
  std::vector<double> events;                      // when each was recorded
  std::vector<std::vector<TraceEvent>> traced;     // by stream, in its order

  // Its index in the original; -1: not of the original.
  int32_t OriginalOf(int32_t instruction) const {
    return original == nullptr ? instruction : (*original)[static_cast<size_t>(instruction)];
  }
  const Instruction& At(const Site& site) const {
    return program->instructions[static_cast<size_t>(site.instruction)];
  }
};

// Before anything has run.
Clock MakeClock(const Plan& plan, PositionId position, ProgramKind program,
                const std::vector<double>& costs) {
  Clock clock;
  clock.rank = FirstRankOf(plan, position);
  clock.costs = costs;
  clock.streams.resize(plan.positions[position.index()].streams.size());
  clock.traced.resize(clock.streams.size());
  clock.program = &plan.positions[position.index()].programs[static_cast<size_t>(program)];
  clock.events.resize(static_cast<size_t>(clock.program->events));
  return clock;
}

class Simulation {
 public:
  Simulation(ProgramKind program, std::vector<Clock> clocks)
      : program_(program), clocks_(std::move(clocks)) {}

  void StartRepeat(int32_t repeat) { first_repeat_ = repeat; }

  // The instructions at these sites have met: they start together, when the last of them reached
  // the head of its stream and what they wait for has happened.
  void Meet(std::span<const Site> sites) {
    double start = 0;
    double cost = 0;
    for (const Site& site : sites) {
      Clock& clock = clocks_[site.position.index()];
      JoinBefore(clock, first_repeat_ + site.repeat);
      const Instruction& instruction = clock.At(site);
      start = std::max(start, clock.streams[instruction.stream.index()]);
      if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        start = std::max(start, clock.events[wait->event.index()]);
      }
      const int32_t original = clock.OriginalOf(site.instruction);
      if (original >= 0) cost = std::max(cost, clock.costs[static_cast<size_t>(original)]);
    }
    const double end = start + cost;
    for (const Site& site : sites) {
      Clock& clock = clocks_[site.position.index()];
      const Instruction& instruction = clock.At(site);
      const size_t on = instruction.stream.index();
      const int32_t original = clock.OriginalOf(site.instruction);
      if (original >= 0) {
        clock.traced[on].push_back(
            {clock.rank, program_, clock.repeat, original, clock.streams[on], end});
      }
      clock.streams[on] = end;
      if (const Record* record = std::get_if<Record>(&instruction.operands)) {
        clock.events[record->event.index()] = end;
      }
    }
  }

  // All positions go on together.
  void JoinPositions() {
    double latest = 0;
    for (const Clock& clock : clocks_) {
      for (const double time : clock.streams) latest = std::max(latest, time);
    }
    for (Clock& clock : clocks_) std::ranges::fill(clock.streams, latest);
  }

  Trace Finish() && {
    std::ranges::sort(clocks_, {}, &Clock::rank);
    size_t events = 0;
    for (const Clock& clock : clocks_) {
      for (const std::vector<TraceEvent>& stream : clock.traced) events += stream.size();
    }
    Trace trace;
    trace.events.reserve(events);
    for (Clock& clock : clocks_) MergeStreams(clock, trace.events);
    return trace;
  }

 private:
  // A run of the program begins with all streams of its rank joined; other ranks may be elsewhere.
  static void JoinBefore(Clock& clock, int32_t repeat) {
    if (clock.repeat == repeat) return;
    clock.repeat = repeat;
    std::ranges::fill(clock.streams, std::ranges::max(clock.streams));
  }

  // By begin, then as issued. A stream's events are so already.
  static void MergeStreams(Clock& clock, std::vector<TraceEvent>& merged) {
    std::vector<size_t> next(clock.traced.size(), 0);
    const auto key = [](const TraceEvent& event) {
      return std::tuple(event.begin, event.repeat, event.instruction);
    };
    for (;;) {
      const TraceEvent* first = nullptr;
      size_t from = 0;
      for (size_t s = 0; s < next.size(); ++s) {
        if (next[s] == clock.traced[s].size()) continue;
        const TraceEvent& event = clock.traced[s][next[s]];
        if (first != nullptr && key(*first) <= key(event)) continue;
        first = &event;
        from = s;
      }
      if (first == nullptr) break;
      merged.push_back(*first);
      ++next[from];
    }
    clock.traced.clear();
  }

  const ProgramKind program_;
  std::vector<Clock> clocks_;  // by position
  int32_t first_repeat_ = 0;
};

// Runs the clocks to the end; false if the program does not get there.
bool RunToEnd(const Plan& plan, ProgramKind program, int32_t repeats, Barrier barrier,
              Simulation& simulation) {
  const auto meet = [&](std::span<const Site> sites) { simulation.Meet(sites); };
  if (barrier != Barrier::kOn) {
    return RunMachine(plan, program, StreamView::kSeparate, repeats, meet).completed;
  }
  for (int32_t repeat = 0; repeat < repeats; ++repeat) {
    if (repeat > 0) simulation.JoinPositions();
    simulation.StartRepeat(repeat);
    if (!RunMachine(plan, program, StreamView::kSeparate, 1, meet).completed) return false;
  }
  return true;
}

}  // namespace

Trace Simulate(const Plan& plan, ProgramKind program, const CostModel& model, int32_t repeats,
               Barrier barrier) {
  const GlobalNorm norm = barrier == Barrier::kOff ? GlobalNorm::kLeftOut : GlobalNorm::kKept;
  std::vector<PlannedTasks> tasks;
  std::vector<Clock> clocks;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    tasks.push_back(TasksOf(plan.positions[p], program));
    clocks.push_back(MakeClock(plan, position, program,
                               InstructionCosts(plan, position, program, tasks.back(), model)));
  }
  if (!NeedsArranging(plan, program, tasks, norm)) {
    Simulation simulation(program, std::move(clocks));
    CHECK(RunToEnd(plan, program, repeats, barrier, simulation));
    return std::move(simulation).Finish();
  }
  // A plan that is proven as it is may still hang where a pair has to start together: one half
  // then needs what follows the other. Such a pair is none, and its halves run by themselves.
  for (const Pairs pairs : {Pairs::kTogether, Pairs::kApart}) {
    const ArrangedProgram arranged = Arrange(plan, program, tasks, pairs, norm);
    std::vector<Clock> own = clocks;
    for (size_t p = 0; p < own.size(); ++p) {
      own[p].program = &arranged.plan.positions[p].programs[static_cast<size_t>(program)];
      own[p].original = &arranged.original[p];
      own[p].events.resize(static_cast<size_t>(own[p].program->events));
    }
    Simulation simulation(program, std::move(own));
    if (RunToEnd(arranged.plan, program, repeats, barrier, simulation)) {
      return std::move(simulation).Finish();
    }
  }
  CHECK(false);
}

}  // namespace pprun
