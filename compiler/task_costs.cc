// What a plan's tasks cost under a model that knows only instructions: the step is simulated once,
// and the runs of each stage and kind are averaged. Tests: task_costs_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "compiler/plan/tasks.h"
#include "compiler/predict.h"

namespace pprun {
namespace {

struct Average {
  double sum = 0;
  int64_t tasks = 0;

  double value() const { return tasks == 0 ? 0 : sum / static_cast<double>(tasks); }
};

struct StageCosts {
  std::array<Average, kTaskKindCount> kinds;

  double Of(TaskKind kind) const { return kinds[static_cast<size_t>(kind)].value(); }
};

}  // namespace

TaskCosts TaskCostsOf(const Plan& plan, const CostModel& model) {
  const Trace trace = Simulate(plan, ProgramKind::kStep, model);
  std::vector<StageCosts> stages(static_cast<size_t>(plan.stages));
  std::vector<PlannedTasks> tasks;
  for (const Position& position : plan.positions) {
    tasks.push_back(TasksOf(position, ProgramKind::kStep));
    for (const PlannedTask& task : tasks.back().tasks) {
      ++stages[static_cast<size_t>(task.stage.value)].kinds[static_cast<size_t>(task.kind)].tasks;
    }
  }
  // A send that finds its partner ready takes no longer than the transfer.
  double transfer = std::numeric_limits<double>::max();
  std::vector<bool> seen(plan.positions.size());
  int64_t rank = -1;
  size_t at = 0;
  bool first = false;
  for (const TraceEvent& event : trace.events) {
    if (event.program != ProgramKind::kStep) continue;
    if (event.rank != rank) {
      rank = event.rank;
      at = static_cast<size_t>(CoordinatesOf(plan, rank).position.value);
      // Replicas do the same.
      first = !seen[at];
      seen[at] = true;
    }
    if (!first) continue;
    const auto instruction = static_cast<size_t>(event.instruction);
    const int32_t task = tasks[at].task_of[instruction];
    if (task >= 0) {
      const PlannedTask& planned = tasks[at].tasks[static_cast<size_t>(task)];
      stages[static_cast<size_t>(planned.stage.value)]
          .kinds[static_cast<size_t>(planned.kind)]
          .sum += event.end - event.begin;
      continue;
    }
    const Program& program = plan.positions[at].programs[static_cast<size_t>(ProgramKind::kStep)];
    if (std::holds_alternative<Send>(program.instructions[instruction].operands)) {
      transfer = std::min(transfer, event.end - event.begin);
    }
  }
  if (transfer == std::numeric_limits<double>::max()) transfer = 0;
  std::vector<double> all = {transfer};
  for (const StageCosts& stage : stages) {
    for (const Average& kind : stage.kinds) all.push_back(kind.value());
    all.push_back(stage.Of(TaskKind::kBackward) / 2);
  }
  const double scale = CostScale(all);
  if (scale <= 0) return {};
  const auto scaled = [&](double cost) { return std::max<int64_t>(std::llround(cost * scale), 1); };
  TaskCosts costs{.forward = {}, .input_grad = {}, .weight_grad = {}};
  for (const StageCosts& stage : stages) {
    costs.forward.push_back(scaled(stage.Of(TaskKind::kForward)));
    // Of a whole backward it is not known which half takes how long.
    const double half = stage.Of(TaskKind::kBackward) / 2;
    costs.input_grad.push_back(scaled(std::max(stage.Of(TaskKind::kInputGrad), half)));
    costs.weight_grad.push_back(scaled(std::max(stage.Of(TaskKind::kWeightGrad), half)));
  }
  costs.transfer = std::llround(transfer * scale);
  return costs;
}

}  // namespace pprun
