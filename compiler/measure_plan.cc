#include "compiler/measure_plan.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>
#include <vector>

#include "compiler/plan/tasks.h"
#include "compiler/plan/text.h"
#include "compiler/report/caption.h"
#include "compiler/report/numbers.h"
#include "compiler/schedule/stage_costs.h"

namespace pprun {
namespace {

// By rank, of the tasks that a plan has left of an order.
std::vector<std::vector<int32_t>> StagesHeld(const Plan& plan) {
  std::vector<std::vector<int32_t>> held;
  for (const Position& position : plan.positions) {
    std::vector<int32_t>& stages = held.emplace_back();
    for (const PlannedTask& task : TasksOf(position, ProgramKind::kStep).tasks) {
      stages.push_back(task.stage.value);
    }
  }
  return held;
}

// Constants are those of a rank's whole share of the model, whatever the number of chunks it is cut
// into, and may be listed by rank; the compiler is told so (TaskCosts::Whose).
CostModel ForChunks(CostModel model, const Plan& plan, double share) {
  if (CostTable* table = std::get_if<CostTable>(&model)) {
    const std::vector<int32_t> rank_of = RanksOfStages(plan.stages, StagesHeld(plan));
    for (std::vector<double>* list :
         {&table->forward, &table->input_grad, &table->weight_grad, &table->pair}) {
      *list = ByStage(*list, plan.positions.size(), rank_of);
      for (double& cost : *list) cost *= share;
    }
  }
  return model;
}

bool Has(const Profile& profile, const Function& function) {
  return EntryOf(profile, kRun, function) != nullptr ||
         EntryOf(profile, kOverlappedRun, function) != nullptr;
}

// Of which run a profile would say what this one lacks; empty unless it is of the same model, and
// differs in how its backwards are cut.
std::string ProfileNeeded(const Plan& plan, const PredictOptions& options) {
  if (!options.profile) return "";
  const Profile profile = ReadProfile(*options.profile);
  std::set<TaskKind> lacking;
  for (const Position& position : plan.positions) {
    const PlannedTasks tasks = TasksOf(position, ProgramKind::kStep);
    const Program& program = position.programs[static_cast<size_t>(ProgramKind::kStep)];
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Run* run = std::get_if<Run>(&program.instructions[i].operands);
      if (run == nullptr || tasks.task_of[i] < 0) continue;
      if (Has(profile, plan.functions[run->function.index()])) continue;
      lacking.insert(tasks.tasks[static_cast<size_t>(tasks.task_of[i])].kind);
    }
  }
  if (lacking.contains(TaskKind::kForward)) return "";
  if (lacking.contains(TaskKind::kInputGrad) || lacking.contains(TaskKind::kWeightGrad)) {
    return ": a profile of a run with split backwards (`input_grad`, `weight_grad`) is needed";
  }
  return lacking.contains(TaskKind::kBackward)
             ? ": a profile of a run with whole backwards (`backward`) is needed"
             : "";
}

}  // namespace

int64_t BytesOf(const Position& position) {
  int64_t bytes = 0;
  for (const int64_t arena : position.arena_bytes) bytes += arena;
  return bytes;
}

double ShareOfAChunk(int64_t positions, int32_t stages) {
  return std::min(static_cast<double>(positions) / stages, 1.0);
}

MeasuredPlan MeasurePlan(std::string name, Plan plan, const CompareOptions& options) {
  MeasuredPlan measured;
  ComparedSchedule& row = measured.row;
  row.name = std::move(name);
  // One of inference would always be the shortest.
  if (plan.train.steps == 0) {
    measured.refused = "it has no backward";
    return measured;
  }
  CheckCostsFit(plan, options.predict);
  const int32_t steps = StepsOf(options.predict);
  const Barrier barrier = BarrierOf(options.predict);
  const double share = ShareOfAChunk(static_cast<int64_t>(plan.positions.size()), plan.stages);
  Trace trace;
  try {
    trace = Simulate(plan, ProgramKind::kStep, ForChunks(ModelOf(options.predict), plan, share),
                     steps, barrier);
  } catch (const std::exception& error) {
    // Costs a stage for another number of stages, or a profile of other functions.
    measured.refused = error.what() + ProfileNeeded(plan, options.predict);
    return measured;
  }
  measured.figured = MeasuredPlan::Figured::kYes;
  measured.unit = UnitOf(trace);
  const Figures figures = Summarise(plan, trace, kAllRepeats);
  // As fast is as fast, whatever rounding made of the sums.
  row.step = WithoutNoise(figures.step);
  row.makespan = WithoutNoise(figures.makespan);
  row.bubble = figures.bubble_of_makespan;
  row.work_of = figures.work_of;
  row.share = share;
  row.costs_of_nothing = CostsOfNothing(plan, options.predict);
  row.positions = static_cast<int64_t>(plan.positions.size());
  row.microbatches = plan.train.microbatches;
  for (const int64_t peak : figures.peak_activations) {
    row.activations = std::max(row.activations, static_cast<double>(peak) * share);
  }
  for (const Position& position : plan.positions) {
    row.memory = std::max(row.memory, BytesOf(position));
    for (const Instruction& instruction :
         position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions) {
      row.messages += std::holds_alternative<Send>(instruction.operands) ? 1 : 0;
    }
  }
  if (options.memory_limit > 0 && row.memory > options.memory_limit) {
    measured.refused = "it needs " + HumanBytes(row.memory) + " a rank";
  } else if (options.activation_limit > 0 && row.activations > options.activation_limit) {
    measured.refused = "it holds " + Compact(row.activations) + " activations";
  } else if (options.keep == CompareOptions::Keep::kTraces) {
    row.plan = std::move(plan);
    row.trace = std::move(trace);
  }
  return measured;
}

}  // namespace pprun
