// What a run amounts to, from a trace of either kind. Tests: figures_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

inline constexpr int64_t kAllRepeats = -1;

// Whose busy time counts as work.
enum class WorkOf : uint8_t {
  kMean,           // the mean over ranks
  kLeastBusyRank,  // where the plan has overlapped pairs, of which some ranks have fewer
};
WorkOf WorkOfPlan(const Plan& plan);

struct Figures {
  int64_t steps = 0;    // runs of the step that the figures are of, from the first to the last
  double makespan = 0;  // first begin to last end of any run
  double step = 0;      // first begin to last end of anything, the optimizer included; by steps
  // Time that the runs of a rank take. Runs that overlap on two streams count once.
  double work = 0;
  WorkOf work_of = WorkOf::kMean;
  double span = 0;                // the longest over ranks from the first begin to the last end
  double bubble_of_makespan = 0;  // 1 - work / makespan
  double bubble_of_span = 0;      // 1 - work / span
  // Of each rank that the trace has, ascending; each stands for so many that are alike.
  int64_t replicas = 1;
  std::vector<int64_t> ranks;
  std::vector<double> busy;
  // Stages' chunks: live from their forward until the backward has run, or the weight gradient if
  // the two are split; and from the input gradient to the weight gradient. In issue order.
  std::vector<int64_t> peak_activations;
  std::vector<int64_t> peak_weight_buffers;
};

// Figures of one run of the step, or of all together from the first to the last.
Figures Summarise(const Plan& plan, const Trace& trace, int64_t repeat = 0);

// The two peaks of a position's step.
struct Peaks {
  int64_t activations = 0;
  int64_t weight_buffers = 0;
};
Peaks PeaksOf(const Position& position);

// A sum of times without the digits that rounding left at its end.
double WithoutNoise(double sum);

// "mean" or "least_busy_rank", as JSON says it.
std::string_view Name(WorkOf work_of);

// {"makespan": .., "step": .., "work": .., "work_of": .., "span": .., "bubble_of_makespan": ..,
//  "bubble_of_span": .., "steps": .., "replicas": .., "ranks": [{"rank": 0, "busy": ..,
//  "peak_activations": .., "peak_weight_buffers": ..}, ..]}
std::string FiguresJson(const Figures& figures);

}  // namespace pprun
