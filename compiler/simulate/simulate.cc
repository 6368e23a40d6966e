#include "compiler/simulate/simulate.h"

#include <algorithm>
#include <compare>
#include <map>
#include <span>
#include <tuple>
#include <variant>

#include "compiler/plan/base/check.h"
#include "compiler/plan/semantics.h"

namespace pprun {
namespace {

const Program& ProgramOf(const Plan& plan, PositionId position, ProgramKind program) {
  return plan.positions[position.index()].programs[static_cast<size_t>(program)];
}

// What one task consists of: the runs of a stage's layers for one microbatch.
struct TaskKey {
  TaskKind kind;
  StageId stage;
  ChunkId chunk;
  MicrobatchId microbatch;

  auto operator<=>(const TaskKey&) const = default;
};

TaskKey KeyOf(const Run& run) { return {run.kind, run.stage, run.chunk, run.microbatch}; }

double CostOfTask(const CostTable& costs, TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
    case TaskKind::kRecompute:
      return costs.forward;
    case TaskKind::kBackward:
      return costs.input_grad + costs.weight_grad;
    case TaskKind::kInputGrad:
      return costs.input_grad;
    case TaskKind::kWeightGrad:
      return costs.weight_grad;
  }
  CHECK(false);
}

// What an instruction takes once it has started.
struct Cost {
  const CostTable& costs;
  const std::map<TaskKey, int64_t>& layers;  // runs of each task

  double operator()(const Run& run) const {
    return CostOfTask(costs, run.kind) / static_cast<double>(layers.at(KeyOf(run)));
  }
  double operator()(const Send&) const { return costs.transfer; }
  double operator()(const Recv&) const { return costs.transfer; }
  double operator()(const Permute&) const { return costs.transfer; }
  double operator()(const Collective&) const { return costs.collective; }
  double operator()(const Load&) const { return 0; }
  double operator()(const Initialise&) const { return 0; }
  double operator()(const Zero&) const { return 0; }
  double operator()(const Cast&) const { return 0; }
  double operator()(const Add&) const { return 0; }
  double operator()(const Scale&) const { return 0; }
  double operator()(const SquareSum&) const { return 0; }
  double operator()(const ClipFactor&) const { return 0; }
  double operator()(const Update&) const { return 0; }
  double operator()(const Record&) const { return 0; }
  double operator()(const Wait&) const { return 0; }
};

// The clocks of one position.
struct Clock {
  int64_t rank = 0;
  int32_t repeat = 0;
  std::vector<double> streams;  // when each has done what it was given
  std::vector<double> events;   // when each was recorded
  std::map<TaskKey, int64_t> layers;
};

class Simulation {
 public:
  Simulation(const Plan& plan, ProgramKind program, const CostTable& costs)
      : plan_(plan), program_(program), costs_(costs) {
    for (size_t i = 0; i < plan.positions.size(); ++i) {
      const PositionId position(static_cast<int64_t>(i));
      const Program& instructions = ProgramOf(plan, position, program);
      Clock clock;
      clock.rank = FirstRankOf(plan, position);
      clock.streams.resize(plan.positions[i].streams.size());
      clock.events.resize(static_cast<size_t>(instructions.events));
      for (const Instruction& instruction : instructions.instructions) {
        if (const Run* run = std::get_if<Run>(&instruction.operands)) ++clock.layers[KeyOf(*run)];
      }
      clocks_.push_back(std::move(clock));
    }
  }

  // The instructions at these sites have met: they start together, when the last of them reached
  // the head of its stream and what they wait for has happened.
  void Meet(std::span<const Site> sites) {
    double start = 0;
    double cost = 0;
    for (const Site& site : sites) {
      Clock& clock = clocks_[site.position.index()];
      JoinBefore(clock, site.repeat);
      const Instruction& instruction = At(site);
      start = std::max(start, clock.streams[instruction.stream.index()]);
      if (const Wait* wait = std::get_if<Wait>(&instruction.operands)) {
        start = std::max(start, clock.events[wait->event.index()]);
      }
      cost = std::max(cost, std::visit(Cost{costs_, clock.layers}, instruction.operands));
    }
    const double end = start + cost;
    for (const Site& site : sites) {
      Clock& clock = clocks_[site.position.index()];
      const Instruction& instruction = At(site);
      double& stream = clock.streams[instruction.stream.index()];
      trace_.events.push_back({clock.rank, program_, site.repeat, site.instruction, stream, end});
      stream = end;
      if (const Record* record = std::get_if<Record>(&instruction.operands)) {
        clock.events[record->event.index()] = end;
      }
    }
  }

  Trace Finish() && {
    std::ranges::sort(trace_.events, {}, [](const TraceEvent& event) {
      return std::tuple(event.rank, event.begin, event.repeat, event.instruction);
    });
    return std::move(trace_);
  }

 private:
  static int64_t FirstRankOf(const Plan& plan, PositionId position) {
    std::vector<int32_t> axes;
    for (const Axis& axis : plan.mesh) axes.push_back(axis.name == "pp" ? position.value : 0);
    return RankAt(plan, axes);
  }

  const Instruction& At(const Site& site) const {
    return ProgramOf(plan_, site.position, program_)
        .instructions[static_cast<size_t>(site.instruction)];
  }

  // A run of the program begins with all streams of its rank joined; other ranks may be elsewhere.
  static void JoinBefore(Clock& clock, int32_t repeat) {
    if (clock.repeat == repeat) return;
    clock.repeat = repeat;
    std::ranges::fill(clock.streams, std::ranges::max(clock.streams));
  }

  const Plan& plan_;
  const ProgramKind program_;
  const CostTable& costs_;
  std::vector<Clock> clocks_;  // by position
  Trace trace_;
};

}  // namespace

Trace Simulate(const Plan& plan, ProgramKind program, const CostTable& costs, int32_t repeats) {
  Simulation simulation(plan, program, costs);
  const Outcome outcome = RunMachine(plan, program, StreamView::kSeparate, repeats,
                                     [&](std::span<const Site> sites) { simulation.Meet(sites); });
  CHECK(outcome.completed);
  return std::move(simulation).Finish();
}

}  // namespace pprun
