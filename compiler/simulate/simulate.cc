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

// All that the clock wants of an instruction: small, since there are millions.
struct Timed {
  double cost = 0;
  int32_t original = -1;  // its index in the program as planned; -1: it holds a pair together
  int32_t event = -1;     // that it records or waits for
  int32_t stream = 0;
  enum class Does : uint8_t { kTakesTime, kRecords, kWaits } does = Does::kTakesTime;
};

struct TracedEvent {
  double begin = 0;
  double end = 0;
  int32_t repeat = 0;
  int32_t instruction = 0;
};

// The clocks of one position.
struct Clock {
  int64_t rank = 0;
  int32_t repeat = 0;
  std::vector<Timed> program;
  std::vector<double> streams;                   // when each has done what it was given
  std::vector<double> events;                    // when each was recorded
  std::vector<std::vector<TracedEvent>> traced;  // by stream, in its order
};

// Before anything has run. `original` is null for a program as planned.
Clock MakeClock(int64_t rank, const Position& position, const Program& program,
                const std::vector<double>& costs, const std::vector<int32_t>* original,
                int32_t repeats) {
  Clock clock;
  clock.rank = rank;
  clock.streams.resize(position.streams.size());
  clock.events.resize(static_cast<size_t>(program.events));
  clock.traced.resize(clock.streams.size());
  clock.program.reserve(program.instructions.size());
  std::vector<size_t> traced(clock.streams.size(), 0);
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    Timed timed;
    timed.original = original == nullptr ? static_cast<int32_t>(i) : (*original)[i];
    timed.stream = instruction.stream.value;
    if (timed.original >= 0) {
      timed.cost = costs[static_cast<size_t>(timed.original)];
      ++traced[instruction.stream.index()];
    }
    if (const Record* record = std::get_if<Record>(&instruction.operands)) {
      timed.event = record->event.value;
      timed.does = Timed::Does::kRecords;
    } else if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
      timed.event = wait->event.value;
      timed.does = Timed::Does::kWaits;
    }
    clock.program.push_back(timed);
  }
  for (size_t s = 0; s < traced.size(); ++s) {
    clock.traced[s].reserve(traced[s] * static_cast<size_t>(repeats));
  }
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
      const Timed& timed = clock.program[static_cast<size_t>(site.instruction)];
      start = std::max(start, clock.streams[static_cast<size_t>(timed.stream)]);
      if (timed.does == Timed::Does::kWaits) {
        start = std::max(start, clock.events[static_cast<size_t>(timed.event)]);
      }
      cost = std::max(cost, timed.cost);
    }
    const double end = start + cost;
    for (const Site& site : sites) {
      Clock& clock = clocks_[site.position.index()];
      const Timed& timed = clock.program[static_cast<size_t>(site.instruction)];
      const size_t on = static_cast<size_t>(timed.stream);
      if (timed.original >= 0) {
        clock.traced[on].push_back({clock.streams[on], end, clock.repeat, timed.original});
      }
      clock.streams[on] = end;
      if (timed.does == Timed::Does::kRecords) {
        clock.events[static_cast<size_t>(timed.event)] = end;
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
      for (const std::vector<TracedEvent>& stream : clock.traced) events += stream.size();
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
  void MergeStreams(Clock& clock, std::vector<TraceEvent>& merged) const {
    std::vector<size_t> next(clock.traced.size(), 0);
    const auto key = [](const TracedEvent& event) {
      return std::tuple(event.begin, event.repeat, event.instruction);
    };
    for (;;) {
      const TracedEvent* first = nullptr;
      size_t from = 0;
      for (size_t s = 0; s < next.size(); ++s) {
        if (next[s] == clock.traced[s].size()) continue;
        const TracedEvent& event = clock.traced[s][next[s]];
        if (first != nullptr && key(*first) <= key(event)) continue;
        first = &event;
        from = s;
      }
      if (first == nullptr) break;
      merged.push_back(
          {clock.rank, program_, first->repeat, first->instruction, first->begin, first->end});
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
  std::vector<std::vector<double>> costs;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    tasks.push_back(TasksOf(plan.positions[p], program));
    costs.push_back(InstructionCosts(plan, position, program, tasks.back(), model));
  }
  // `as` is the plan, or the program arranged.
  const auto run = [&](const Plan& as, const std::vector<std::vector<int32_t>>* original,
                       Trace& trace) {
    std::vector<Clock> clocks;
    for (size_t p = 0; p < as.positions.size(); ++p) {
      const Position& position = as.positions[p];
      clocks.push_back(MakeClock(FirstRankOf(plan, PositionId(static_cast<int64_t>(p))), position,
                                 position.programs[static_cast<size_t>(program)], costs[p],
                                 original == nullptr ? nullptr : &(*original)[p], repeats));
    }
    Simulation simulation(program, std::move(clocks));
    if (!RunToEnd(as, program, repeats, barrier, simulation)) return false;
    trace = std::move(simulation).Finish();
    if (!std::holds_alternative<CostTable>(model)) trace.unit = Trace::Unit::kSecond;
    return true;
  };
  Trace trace;
  if (!NeedsArranging(plan, program, tasks, norm)) {
    CHECK(run(plan, nullptr, trace));
    return trace;
  }
  // A plan that is proven as it is may still hang where a pair has to start together: one half
  // then needs what follows the other. Such a pair is none, and its halves run by themselves.
  for (const Pairs pairs : {Pairs::kTogether, Pairs::kApart}) {
    const ArrangedProgram arranged = Arrange(plan, program, tasks, pairs, norm);
    if (run(arranged.plan, &arranged.original, trace)) return trace;
  }
  CHECK(false);
}

}  // namespace pprun
