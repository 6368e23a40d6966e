// What was predicted beside what was measured: rank by rank, with the causes of idle time, and
// instruction by instruction. A rank is compared with the prediction of its position, which stands
// for all replicas. Tests: compare_traces_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/idle.h"
#include "compiler/simulate/figures.h"

namespace pprun {

struct TraceCompareOptions {
  std::optional<int64_t> repeat;  // the measured run of the step; without it the last
};

// Times in seconds, from the first task of its run.
struct ComparedInstruction {
  int64_t rank = 0;
  int32_t instruction = 0;  // in the step of the rank's position
  double predicted_begin = 0, predicted_end = 0;
  double measured_begin = 0, measured_end = 0;
};

struct TraceComparison {
  // Seconds of a unit of the prediction: where it counts units of costs, as many as make both do
  // the same work.
  double unit = 1;
  Trace::Unit counts = Trace::Unit::kOfCosts;  // what the prediction counted before
  int64_t repeat = 0;
  RunTimes predicted;  // in seconds; of the ranks that the measured trace has
  RunTimes measured;
  WorkOf work_of = WorkOf::kMean;                 // in both bubbles
  std::vector<ComparedInstruction> instructions;  // by rank, then instruction; in both traces
};

// Throws std::runtime_error where a trace has no such run of the step.
TraceComparison Compare(const Plan& plan, const Trace& predicted, const Trace& measured,
                        const TraceCompareOptions& options);

// "a unit of the costs taken as 8 ms"; empty where the prediction was in seconds.
std::string ScaleText(const TraceComparison& comparison);

// As text. Both makespans and bubbles, a line each.
std::string ComparisonHead(const Plan& plan, const TraceComparison& comparison);
// Where each rank's time went, and what instructions take: a line for every kind of instruction, or
// below them one for every instruction.
enum class ComparisonDetail : uint8_t { kKinds, kInstructions };
std::string ComparisonTables(const Plan& plan, const TraceComparison& comparison,
                             ComparisonDetail detail);

// The rank whose prediction stands for `rank`: of its position, all other coordinates zero.
int64_t PredictedRankOf(const Plan& plan, int64_t rank);

}  // namespace pprun
