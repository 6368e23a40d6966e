#include "runtime/run_figures.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <ranges>
#include <variant>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/text.h"
#include "compiler/simulate/live_activations.h"
#include "compiler/simulate/simulate.h"
#include "runtime/progress.h"

namespace pprun {
namespace {

std::string Fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, number);
  return text;
}

std::string Percent(double fraction) { return Fixed(100 * fraction, 1) + " %"; }

// "12.3 GFLOP/s".
std::string FlopRate(double rate) {
  if (rate >= 1e12) return Fixed(rate / 1e12, 2) + " TFLOP/s";
  if (rate >= 1e9) return Fixed(rate / 1e9, 2) + " GFLOP/s";
  return Fixed(rate / 1e6, 2) + " MFLOP/s";
}

// A short run in ms or tenths, so that it is never "0 s".
std::string Elapsed(double seconds) {
  if (seconds < 0.9995) return Fixed(1000 * seconds, 0) + " ms";
  if (seconds < 9.95) return Fixed(seconds, 1) + " s";
  return ShortDuration(seconds);
}

}  // namespace

double StepFlops(const Plan& plan) {
  double flops = 0;
  for (const Position& position : plan.positions) {
    const Program& step = position.programs[static_cast<size_t>(ProgramKind::kStep)];
    for (const Instruction& instruction : step.instructions) {
      if (const auto* run = std::get_if<Run>(&instruction.operands)) {
        flops += plan.functions[run->function.index()].flops;
      }
    }
  }
  return flops * static_cast<double>(plan.Replicas());
}

std::string ToText(const RunFigures& figures) {
  const double seconds = figures.seconds > 0 ? figures.seconds : 1;
  std::string text = Amount(figures.steps, "step") + " in " + Elapsed(figures.seconds) + ": " +
                     ShortCount(static_cast<double>(figures.tokens) / seconds) + " tokens/s, " +
                     FlopRate(figures.flops / seconds) + "\n";
  if (figures.loss) text += "loss " + Fixed(*figures.loss, 4);
  if (figures.loss && figures.validation_loss) {
    text += ", held-out loss " + Fixed(*figures.validation_loss, 4);
  }
  if (figures.loss) text += "\n";
  text += "bubble: predicted " + Percent(figures.predicted_bubble) + ", measured " +
          (figures.measured_bubble ? Percent(*figures.measured_bubble) : "not") + "\n";
  text += "activations at once: predicted " + std::to_string(figures.predicted_activations) +
          ", measured " +
          (figures.measured_activations ? std::to_string(*figures.measured_activations) : "not") +
          "\n";
  text += "memory: arenas " + HumanBytes(figures.arena_bytes) + " predicted, " +
          HumanBytes(figures.touched_bytes) + " touched; resident " +
          HumanBytes(figures.resident_bytes) + " at most\n";
  return text;
}

std::optional<double> MeasuredBubble(const Plan& plan, const Trace& trace, int64_t step) {
  const Figures figures = Summarise(plan, trace, step);
  if (figures.makespan <= 0) return std::nullopt;
  return figures.bubble_of_makespan;
}

std::optional<int64_t> MeasuredActivations(const Plan& plan, const Trace& trace, int64_t step) {
  const std::map<int64_t, int64_t> peaks = LiveActivations(plan, trace, step);
  if (peaks.empty()) return std::nullopt;
  return std::ranges::max(peaks | std::views::values);
}

int64_t PeakResidentBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  // Linux counts in KiB.
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace pprun
