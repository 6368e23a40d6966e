// From a schedule to the order of tasks on every position: resolve its names, run it once a rank,
// place its chunks, and check what each rank did. Linear in the tasks. Tests:
// evaluate_schedule_test.cc.
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/check.h"
#include "compiler/schedule/evaluate_greedy.h"
#include "compiler/schedule/rank_ledger.h"
#include "compiler/schedule/resolved_schedule.h"
#include "compiler/schedule/schedule_findings.h"
#include "compiler/schedule/schedule_runner.h"
#include "compiler/schedule/task_order.h"

namespace pprun {

namespace {

bool CheckMicrobatches(const CheckedProgram& program, int64_t microbatches,
                       Diagnostics& diagnostics) {
  if (microbatches >= 1) return true;
  Diagnostic& error = diagnostics.Error(
      program.schedule.location,
      "the schedule has " + std::to_string(microbatches) + " microbatches, it needs at least one");
  if (!program.train) {
    error.Note(program.schedule.location,
               "say how many: `train { microbatches = 8; }` in the file, or `--set microbatches=8`");
  }
  return false;
}

// A step has a forward and a backward of every microbatch on every stage: tables are made only for
// what can fit the limit.
bool CheckSize(const CheckedProgram& program, int64_t stages, int64_t microbatches,
               const Limits& limits, Diagnostics& diagnostics) {
  if (microbatches <= limits.unrolled_tasks / 2 / stages) return true;
  diagnostics.Error(program.schedule.location,
                    Amount(stages, "stage") + " of " + Amount(microbatches, "microbatch") +
                        " need more than the limit of " + std::to_string(limits.unrolled_tasks) +
                        " tasks (`unrolled_tasks`)");
  return false;
}

// An order that runs every forward and no backward is one of inference, and complete.
RankLedger::Extent ExtentOf(const std::vector<RankLedger>& ledgers) {
  for (const RankLedger& ledger : ledgers) {
    if (!ledger.RanOnlyForwards()) return RankLedger::Extent::kTraining;
  }
  return RankLedger::Extent::kForwardOnly;
}

// Runs the order on every rank that has no `greedy`; false after errors.
bool RunOrders(const CheckedProgram& program, const ResolvedSchedule& schedule,
               ScheduleRunner& runner, TaskOrder& order, Diagnostics& diagnostics) {
  const auto ranks = static_cast<int32_t>(order.placement.size());
  const ast::Location order_location = schedule[schedule.order()].location;
  ScheduleFindings findings(order_location, ranks);
  // A rank that could not be evaluated to its end is not asked what it misses.
  std::vector<RankLedger> ledgers;
  std::vector<bool> finished;
  bool sound = true;
  for (int32_t rank = 0; rank < ranks && !runner.PassedLimit(); ++rank) {
    if (schedule.GreedyOf(rank) != nullptr) continue;
    Diagnostics errors;
    ledgers.push_back(MakeLedger(rank, order));
    finished.push_back(runner.RunOrder(ledgers.back(), errors));
    findings.AddErrors(rank, errors);
    sound = sound && finished.back();
  }
  // What `greedy` orders trains.
  const RankLedger::Extent extent =
      schedule.greedy.empty() ? ExtentOf(ledgers) : RankLedger::Extent::kTraining;
  order.positions.resize(order.placement.size());
  for (size_t i = 0; i < ledgers.size(); ++i) {
    RankLedger& ledger = ledgers[i];
    if (finished[i]) ledger.Finish(extent);
    // Past a limit everything else is a consequence.
    if (!runner.PassedLimit()) findings.AddProblem(ledger);
    sound = sound && !ledger.first_problem();
    if (sound) order.positions[static_cast<size_t>(ledger.rank())] = ledger.TakeTasks();
  }
  if (!sound) {
    findings.Report(diagnostics);
    return false;
  }
  if (program.train && extent == RankLedger::Extent::kForwardOnly) {
    diagnostics
        .Error(program.schedule.location,
               "`" + program.schedule.name + "` has no backward, so it cannot train")
        .Note(order_location, "no rank runs `backward`, `input_grad` or `weight_grad`");
    return false;
  }
  return true;
}

}  // namespace

std::optional<TaskOrder> EvaluateSchedule(const CheckedProgram& program, int64_t microbatches,
                                          const TaskCosts& costs, const Limits& limits,
                                          Diagnostics& diagnostics) {
  const int64_t ranks = program.AxisSize("pp");
  if (!CheckMicrobatches(program, microbatches, diagnostics)) return std::nullopt;
  std::optional<ResolvedSchedule> schedule = ResolveSchedule(program, microbatches, diagnostics);
  if (!schedule) return std::nullopt;
  ScheduleRunner runner(program.program, *schedule, limits);
  if (!runner.RunPreamble(diagnostics)) return std::nullopt;
  std::vector<TaskOrder> alternatives;
  for (size_t i = 0; i < schedule->Alternatives(); ++i) {
    std::optional<Placement> placement =
        runner.RunPlacement(static_cast<int32_t>(ranks), i, diagnostics);
    if (!placement || !CheckSize(program, placement->stages, microbatches, limits, diagnostics)) {
      return std::nullopt;
    }
    alternatives.push_back({.chunks = placement->chunks,
                            .pipes = placement->pipes,
                            .stages = placement->stages,
                            .microbatches = static_cast<int32_t>(microbatches),
                            .placement = std::move(placement->ranks),
                            .positions = {}});
  }
  if (schedule->has_order) {
    // The checker allows several placements only where `greedy` orders every rank.
    CHECK(alternatives.size() == 1);
    if (!RunOrders(program, *schedule, runner, alternatives.front(), diagnostics)) {
      return std::nullopt;
    }
  }
  if (schedule->greedy.empty()) return std::move(alternatives.front());
  return OrderGreedily(
      {*schedule, runner, costs, program.transfers, limits, program.schedule.location},
      std::move(alternatives), diagnostics);
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
