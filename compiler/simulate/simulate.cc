#include "compiler/simulate/simulate.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/semantics.h"
#include "compiler/plan/tasks.h"
#include "compiler/simulate/arranged_program.h"

namespace pprun {
namespace {

struct Interval {
  double begin = 0;
  double end = 0;
};

// The clocks of one position. Instructions have two numbers: where they are in the program that
// runs, and where they are in the plan; those that hold a pair together are not in the plan.
struct Clock {
  int64_t rank = 0;
  int32_t repeat = 0;
  std::span<const Instruction> instructions;  // as run
  const std::vector<int32_t>* original;       // in the plan; null: the same
  std::span<const double> costs;              // by instruction of the plan
  std::vector<double> streams;                // when each has done what it was given
  std::vector<double> events;                 // when each was recorded
  std::vector<Interval> intervals;            // by repeat, then instruction of the plan

  int32_t OriginalOf(int32_t instruction) const {
    return original == nullptr ? instruction : (*original)[static_cast<size_t>(instruction)];
  }
};

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
      const Instruction& instruction = clock.instructions[static_cast<size_t>(site.instruction)];
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
      const Instruction& instruction = clock.instructions[static_cast<size_t>(site.instruction)];
      double& stream = clock.streams[instruction.stream.index()];
      const int32_t original = clock.OriginalOf(site.instruction);
      if (original >= 0) {
        clock.intervals[static_cast<size_t>(clock.repeat) * clock.costs.size() +
                        static_cast<size_t>(original)] = {stream, end};
      }
      stream = end;
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
    for (const Clock& clock : clocks_) events += clock.intervals.size();
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

  // By begin, then as issued. A stream's instructions begin in the order in which they are issued.
  void MergeStreams(Clock& clock, std::vector<TraceEvent>& merged) const {
    std::vector<std::vector<int32_t>> issued(clock.streams.size());
    for (size_t i = 0; i < clock.instructions.size(); ++i) {
      const int32_t original = clock.OriginalOf(static_cast<int32_t>(i));
      if (original >= 0) issued[clock.instructions[i].stream.index()].push_back(original);
    }
    const size_t planned = clock.costs.size();
    const int32_t repeats =
        static_cast<int32_t>(clock.intervals.size() / std::max<size_t>(planned, 1));
    // Of each stream, what comes next.
    struct Head {
      double begin = 0;
      int32_t repeat = 0;
      int32_t instruction = 0;
      size_t next = 0;
      const std::vector<int32_t>* issued = nullptr;

      auto Key() const { return std::tuple(begin, repeat, instruction); }
    };
    const auto interval = [&](const Head& head) -> const Interval& {
      return clock.intervals[static_cast<size_t>(head.repeat) * planned +
                             static_cast<size_t>(head.instruction)];
    };
    std::vector<Head> heads;
    for (const std::vector<int32_t>& stream : issued) {
      if (stream.empty()) continue;
      Head& head = heads.emplace_back(Head{.instruction = stream.front(), .issued = &stream});
      head.begin = interval(head).begin;
    }
    // The first goes on until the second is due: a stream's instructions come in runs.
    while (!heads.empty()) {
      std::ranges::iter_swap(heads.begin(), std::ranges::min_element(heads, {}, &Head::Key));
      const auto second = std::ranges::min_element(heads.begin() + 1, heads.end(), {}, &Head::Key);
      Head& first = heads.front();
      do {
        merged.push_back({clock.rank, program_, first.repeat, first.instruction, first.begin,
                          interval(first).end});
        if (++first.next == first.issued->size()) {
          first.next = 0;
          if (++first.repeat == repeats) break;
        }
        first.instruction = (*first.issued)[first.next];
        first.begin = interval(first).begin;
      } while (second == heads.end() || first.Key() < second->Key());
      if (first.repeat == repeats) heads.erase(heads.begin());
    }
    clock.intervals = {};
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
      const Program& body = position.programs[static_cast<size_t>(program)];
      clocks.push_back(
          {.rank = FirstRankOf(plan, PositionId(static_cast<int64_t>(p))),
           .instructions = body.instructions,
           .original = original == nullptr ? nullptr : &(*original)[p],
           .costs = costs[p],
           .streams = std::vector<double>(position.streams.size()),
           .events = std::vector<double>(static_cast<size_t>(body.events)),
           .intervals = std::vector<Interval>(costs[p].size() * static_cast<size_t>(repeats))});
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
