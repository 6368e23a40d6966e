// What explain counts in a plan, each for itself. Tests: explain_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/report/explain.h"
#include "compiler/report/linked_run.h"

namespace pprun {

MemoryExplanation CountMemory(const Plan& plan);

// Channels first, by index, then collectives by position. `machine` may be null.
std::vector<TrafficExplanation> CountTraffic(const Plan& plan, const Machine* machine);

// Empty without transfers. The run is of the plan.
std::optional<TransferExplanation> CountTransfers(const Plan& plan, const LinkedRun& run);

// Without utilisations.
FlopsExplanation CountFlops(const Plan& plan);

// One for each distinct layer, in the order of the first of them.
std::vector<ActivationExplanation> CountActivations(const Plan& plan);

// Sums of gradients over replicas, of the position with most bytes of them; empty if there are
// none.
std::optional<BucketExplanation> CountBuckets(const Plan& plan, const Machine& machine);

// Empty without replicas or tokens.
std::optional<ComputeBoundExplanation> JudgeCompute(const Plan& plan, const Machine& machine);

// Mean costs of the tasks of each kind, with the extremes among stages.
struct TaskCostSummary {
  ScheduleShape shape;
  double slowest_stage = 0;  // F + I + W, or F + B
  double fastest_stage = 0;
};
TaskCostSummary SummariseTasks(const Plan& plan, const CostModel& model);

// Sentences about choices that cannot pay.
std::vector<std::string> Advise(const Plan& plan, const CostModel& model, const Machine* machine,
                                Barrier barrier, const TaskCostSummary& tasks,
                                const Explanation& explanation);

// "12 ms"; of a table's costs, which have no unit, the number.
std::string TimeText(double time, Explanation::Unit unit);

}  // namespace pprun
