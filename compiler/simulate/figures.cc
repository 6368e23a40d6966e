// Sums up one run of the step from a trace, predicted or measured. Work that overlaps on two
// compute streams of a rank is counted once. Tests: figures_test.cc.
#include <algorithm>
#include <limits>
#include <variant>
#include <vector>

#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

// The runs of one rank, seen by ascending begin.
struct Busy {
  double time = 0;
  double until = -std::numeric_limits<double>::infinity();

  void Add(double begin, double end) {
    time += std::max(0.0, end - std::max(begin, until));
    until = std::max(until, end);
  }
};

}  // namespace

Figures Summarise(const Plan& plan, const Trace& trace, int64_t repeat) {
  Figures figures;
  double first = std::numeric_limits<double>::infinity();
  double last = -first;
  Busy busy;
  for (size_t i = 0; i < trace.events.size();) {
    const int64_t rank = trace.events[i].rank;
    const Position& position = plan.positions[CoordinatesOf(plan, rank).position.index()];
    busy = {};
    for (; i < trace.events.size() && trace.events[i].rank == rank; ++i) {
      const TraceEvent& event = trace.events[i];
      if (event.program != ProgramKind::kStep || event.repeat != repeat) continue;
      const Program& program = position.programs[static_cast<size_t>(event.program)];
      const Instruction& instruction = program.instructions[static_cast<size_t>(event.instruction)];
      if (!std::holds_alternative<Run>(instruction.operands)) continue;
      busy.Add(event.begin, event.end);
      first = std::min(first, event.begin);
      last = std::max(last, event.end);
    }
    figures.busy.push_back(busy.time);
  }
  if (last <= first) return figures;

  figures.makespan = last - first;
  for (const double time : figures.busy) figures.work += time;
  figures.work /= static_cast<double>(figures.busy.size());
  figures.bubble_of_makespan = 1 - figures.work / figures.makespan;
  return figures;
}

}  // namespace pprun
