// Plans under several schedules: each compiled, proven and predicted, as a table and for pictures,
// best first: by the time of a step, sums of gradients and optimizer included, alone or as one of
// several in a row. Constant costs are of a rank's whole share of the model, so that schedules with
// more chunks compare fairly; a list of them has an entry a rank, or one a stage
// (schedule/stage_costs.h). Settings of a schedule's parameters reach those schedules that have
// them. Tests: compare_schedules_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/predict.h"

namespace pprun {

struct CompareOptions {
  CompileOptions compile;
  PredictOptions predict;
  // "gpipe,breadth_first(chunks = 4)", or "all". None: of one `.sched` its own and all built-in
  // ones, of several files each its own.
  std::optional<std::string> schedules;
  // Of either, a schedule that can be told how much there is is told (fit_memory.h).
  int64_t memory_limit = 0;     // bytes a rank; 0: none
  double activation_limit = 0;  // live on a rank, as ComparedSchedule counts them; 0: none
  // Plans and traces are large, and only pictures need them.
  enum class Keep : uint8_t { kFigures, kTraces } keep = Keep::kFigures;
};

struct ComparedSchedule {
  std::string name;
  // From the first thing to the last of anything; of several in a row, divided by how many.
  double step = 0;
  double makespan = 0;  // of the tasks, of all steps
  double bubble = 0;    // of the makespan
  WorkOf work_of = WorkOf::kMean;
  double share = 1;  // of a rank's costs and activations, what one of its chunks is
  int64_t positions = 1;
  int64_t microbatches = 1;
  int64_t memory = 0;      // bytes of the position that needs most
  double activations = 0;  // at most live on a rank, of its whole share of the model
  int64_t messages = 0;    // of a step
  std::vector<std::string> costs_of_nothing;  // predict.h
  std::optional<Plan> plan;
  std::optional<Trace> trace;
};

struct ScheduleComparison {
  std::vector<ComparedSchedule> schedules;  // best first
  struct Refused {
    std::string name;
    std::string reason;
  };
  std::vector<Refused> refused;
  std::vector<std::string> notes;  // what the reader should know before trusting the order
  // Nothing is trained, so that bytes mean nothing.
  enum class Purpose : uint8_t { kTraining, kStudy } purpose = Purpose::kTraining;
  Trace::Unit unit = Trace::Unit::kOfCosts;
  int32_t steps = 1;  // in a row
  std::string barrier = "as_planned";
  // What is wrong whatever the schedule, with its place, as `ppc check` prints it. If there is
  // anything, nothing is compared.
  std::string messages;
};

// `paths`: one file or more. Throws std::runtime_error if no schedule fits, each for a reason of
// its own, and std::invalid_argument if the command line is at fault.
ScheduleComparison CompareSchedules(const std::vector<std::string>& paths,
                                    const CompareOptions& options);

// Of the first one: "the shortest predicted step", "the fewest activations of those as fast", "as
// fast as gpipe, with as few activations".
std::string WhyBest(const ScheduleComparison& comparison);

// For programs: {"purpose": "training" or "study", "unit": "seconds" or "table", "steps": .. and
// "barrier": "on", "off" or "as_planned", if there are several, "schedules": [{"name": .., "step":
// .., "makespan": .., "bubble": .., "work_of": .., "memory": bytes, not of a study, "activations":
// .., "messages": .., "positions": .., "microbatches": ..}, ..], "best": {"name": .., "why": ..},
// "refused": [{"name": .., "reason": ..}, ..], "notes": [..]}.
std::string ToJson(const ScheduleComparison& comparison);

// A row a schedule; then those that do not fit, with the reason.
std::string ToText(const ScheduleComparison& comparison);

}  // namespace pprun
