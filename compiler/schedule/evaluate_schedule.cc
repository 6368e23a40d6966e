// From a schedule to the order of tasks on every position: resolve its names, run it once a rank,
// and check what each rank did. Linear in the tasks. Tests: evaluate_schedule_test.cc.
#include <string>
#include <utility>
#include <vector>

#include "compiler/schedule/rank_ledger.h"
#include "compiler/schedule/resolved_schedule.h"
#include "compiler/schedule/schedule_findings.h"
#include "compiler/schedule/schedule_runner.h"
#include "compiler/schedule/task_order.h"

namespace pprun {

namespace {

// Rank r is stage r, and holds it for every microbatch.
std::vector<PlacedChunk> LinearPlacement(int32_t rank, int32_t microbatches) {
  return {{.stage = rank, .first_microbatch = 0, .microbatches = microbatches}};
}

// Even the shortest order has a forward and a backward of every microbatch on every stage: tables
// are made only for what can fit the limit.
bool FitsLimit(int64_t stages, int64_t microbatches, const Limits& limits) {
  return microbatches <= limits.unrolled_tasks / 2 / stages;
}

}  // namespace

std::optional<TaskOrder> EvaluateSchedule(const CheckedProgram& program, int64_t microbatches,
                                          const TaskCosts& costs, const Limits& limits,
                                          Diagnostics& diagnostics) {
  static_cast<void>(costs);  // no order without greedy depends on them
  const int64_t positions = program.AxisSize("pp");
  if (microbatches < 1) {
    Diagnostic& error = diagnostics.Error(program.schedule.location,
                                          "the schedule has " + std::to_string(microbatches) +
                                              " microbatches, it needs at least one");
    if (!program.train) {
      error.Note(program.schedule.location,
                 "a file without `train` is told how many: `--set microbatches=8`");
    }
    return std::nullopt;
  }
  if (!FitsLimit(positions, microbatches, limits)) {
    diagnostics.Error(program.schedule.location,
                      std::to_string(positions) + " stages of " + std::to_string(microbatches) +
                          " microbatches need more than the limit of " +
                          std::to_string(limits.unrolled_tasks) + " tasks (`unrolled_tasks`)");
    return std::nullopt;
  }
  std::optional<ResolvedSchedule> schedule = ResolveSchedule(program, microbatches, diagnostics);
  if (!schedule) return std::nullopt;
  ScheduleRunner runner(program.program, *schedule, limits);
  if (!runner.RunPreamble(diagnostics)) return std::nullopt;

  const int32_t count = static_cast<int32_t>(microbatches);
  TaskOrder order{.stages = static_cast<int32_t>(positions),
                  .microbatches = count,
                  .placement = {},
                  .positions = {}};
  ScheduleFindings findings((*schedule)[schedule->order()].location, positions);
  bool sound = true;
  for (int32_t rank = 0; rank < positions && !runner.PassedLimit(); ++rank) {
    RankLedger ledger(rank, LinearPlacement(rank, count), count);
    Diagnostics errors;
    // A rank that could not be evaluated to its end is not asked what it misses.
    const bool finished = runner.RunOrder(ledger, errors);
    if (finished) ledger.Finish();
    findings.AddErrors(rank, errors);
    // Past a limit everything else is a consequence.
    if (!runner.PassedLimit()) findings.AddProblem(ledger);
    sound = sound && finished && !ledger.first_problem();
    order.placement.push_back({{.stage = rank, .pipe = 0}});
    if (sound) order.positions.push_back(ledger.TakeTasks());
  }
  if (sound) return order;
  findings.Report(diagnostics);
  return std::nullopt;
}

std::string ToText(const TaskOrder& order) {
  std::string text;
  for (const std::vector<OrderedTask>& tasks : order.positions) {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const OrderedTask& task = tasks[i];
      const bool joins_previous =
          i > 0 && task.overlap_pair >= 0 && tasks[i - 1].overlap_pair == task.overlap_pair;
      const bool joins_next = i + 1 < tasks.size() && task.overlap_pair >= 0 &&
                              tasks[i + 1].overlap_pair == task.overlap_pair;
      if (i > 0) text += joins_previous ? ';' : ' ';
      if (joins_next) text += '(';
      text += std::to_string(task.stage) + Letter(task.kind) + std::to_string(task.microbatch);
      if (joins_previous) text += ')';
    }
    text += '\n';
  }
  return text;
}

}  // namespace pprun
