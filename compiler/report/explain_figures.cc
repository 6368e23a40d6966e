#include "compiler/report/explain_figures.h"

#include "compiler/report/caption.h"
#include "compiler/report/numbers.h"

namespace pprun {

Figures PredictFigures(const Plan& plan, const PredictionOptions& options) {
  const Trace trace =
      Simulate(plan, ProgramKind::kStep, options.model, options.steps, options.barrier);
  return Summarise(plan, trace, kAllRepeats);
}

bool TakesMoreThanTasks(const Figures& figures) {
  return figures.step * static_cast<double>(figures.steps) > figures.makespan * (1 + 1e-6);
}

std::string WholeStepText(const std::string& step) {
  return "with the sums of gradients and the optimizer a step takes " + step;
}

std::string FiguresText(const Plan& plan, const Figures& figures, Trace::Unit unit) {
  const TimeUnit shown = UnitFor(unit, figures.makespan);
  const auto time = [&](double amount) { return TimeText(amount, shown); };
  std::string text, a_step;
  if (figures.steps > 1) {
    text = "over " + Counted(figures.steps, "step") + ": ";
    a_step = " (" + time(figures.makespan / static_cast<double>(figures.steps)) + " a step)";
  }
  text += "makespan " + time(figures.makespan) + a_step + ", work " + time(figures.work) + " (" +
          WorkOfText(figures.work_of) + "), span " + time(figures.span) + "; bubble " +
          Percent(figures.bubble_of_makespan) + " of the makespan, " +
          Percent(figures.bubble_of_span) + " of the span\n";
  if (TakesMoreThanTasks(figures)) text += WholeStepText(time(figures.step)) + "\n";
  for (size_t i = 0; i < figures.ranks.size(); ++i) {
    const PositionId position = CoordinatesOf(plan, figures.ranks[i]).position;
    text += (figures.replicas > 1 ? "position " + std::to_string(position.value) + " (" +
                                        Counted(figures.replicas, "rank") + ")"
                                  : "rank " + std::to_string(figures.ranks[i])) +
            ": busy " + time(figures.busy[i]) + ", at most " +
            Counted(figures.peak_activations[i], "live activation") + " and " +
            Counted(figures.peak_weight_buffers[i], "weight buffer") + "\n";
  }
  return text;
}

}  // namespace pprun
