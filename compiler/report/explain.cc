#include "compiler/report/explain.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "compiler/report/explain_counts.h"

namespace pprun {
namespace {

BubbleExplanation ExplainBubble(const Plan& plan, const Figures& figures,
                                const ScheduleShape& shape) {
  BubbleExplanation bubble;
  // Sums of costs end in digits that rounding left: a difference of such digits is none.
  const auto idle = [&figures](double time) {
    const double difference = time - figures.work;
    return std::abs(difference) <= 1e-12 * time ? 0 : difference;
  };
  bubble.idle_of_makespan = idle(figures.makespan);
  bubble.idle_of_span = idle(figures.span);
  if (!figures.peak_activations.empty()) {
    bubble.peak_activations = std::ranges::max(figures.peak_activations);
  }
  bubble.formula = FormulaOf(plan.schedule, shape);
  return bubble;
}

// Of the machine's peak for the type of the products.
void AddUtilisation(const Plan& plan, const Machine& machine, double seconds,
                    FlopsExplanation& flops) {
  DType type = DType::kF32;
  for (const Function& function : plan.functions) {
    if (function.flops > 0) type = ProductType(function);
  }
  const double peak = AchievedFlops(machine, type) / machine.achievable_flops;
  const double most = peak * seconds * static_cast<double>(plan.Ranks());
  if (most <= 0) return;
  flops.model_utilisation = flops.model / most;
  flops.hardware_utilisation = flops.hardware / most;
}

}  // namespace

Explanation Explain(const Plan& plan, const ExplainOptions& options) {
  const Machine* machine = std::get_if<Machine>(&options.model);
  if (options.machine) machine = &*options.machine;

  Explanation explanation;
  explanation.name = plan.name;
  explanation.schedule = plan.schedule;
  const bool table = std::holds_alternative<CostTable>(options.model);
  explanation.unit = table ? Explanation::Unit::kOfTheTable : Explanation::Unit::kSeconds;
  if (machine != nullptr) explanation.machine = machine->name;

  const Trace trace =
      Simulate(plan, ProgramKind::kStep, options.model, options.steps, options.barrier);
  explanation.figures = Summarise(plan, trace, kAllRepeats);
  const TaskCostSummary tasks = SummariseTasks(plan, options.model);
  explanation.bubble = ExplainBubble(plan, explanation.figures, tasks.shape);
  explanation.traffic = CountTraffic(plan, machine);
  explanation.transfers = CountTransfers(plan, LinkRun(plan, trace, 0));
  if (plan.IsStudy()) {
    explanation.purpose = Explanation::Purpose::kStudy;
    explanation.advice = Advise(plan, options.model, nullptr, options.barrier, tasks, explanation);
    return explanation;
  }
  explanation.memory = CountMemory(plan);
  explanation.flops = CountFlops(plan);
  explanation.activations = CountActivations(plan);
  if (machine != nullptr) {
    if (!table) AddUtilisation(plan, *machine, explanation.figures.step, explanation.flops);
    explanation.buckets = CountBuckets(plan, *machine);
    explanation.compute_bound = JudgeCompute(plan, *machine);
  }
  explanation.advice = Advise(plan, options.model, machine, options.barrier, tasks, explanation);
  return explanation;
}

}  // namespace pprun
