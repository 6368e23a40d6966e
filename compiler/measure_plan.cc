#include "compiler/measure_plan.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "compiler/plan/text.h"
#include "compiler/report/caption.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

// Constants are those of a rank's whole share of the model, whatever the number of chunks it is cut
// into; the compiler is told so (TaskCosts::Whose).
CostModel ForChunks(CostModel model, double share) {
  if (CostTable* table = std::get_if<CostTable>(&model)) {
    for (std::vector<double>* list :
         {&table->forward, &table->input_grad, &table->weight_grad, &table->pair}) {
      for (double& cost : *list) cost *= share;
    }
  }
  return model;
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
  const double share = ShareOfAChunk(static_cast<int64_t>(plan.positions.size()), plan.stages);
  Trace trace;
  try {
    trace = Simulate(plan, ProgramKind::kStep, ForChunks(ModelOf(options.predict), share));
  } catch (const std::exception& error) {
    // Costs a stage for another number of stages, or a profile of other functions.
    measured.refused = error.what();
    return measured;
  }
  measured.unit = UnitOf(trace);
  const Figures figures = Summarise(plan, trace);
  // As fast is as fast, whatever rounding made of the sums.
  row.step = WithoutNoise(DurationOf(trace));
  row.makespan = WithoutNoise(figures.makespan);
  row.bubble = figures.bubble_of_makespan;
  row.work_of = figures.work_of;
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
