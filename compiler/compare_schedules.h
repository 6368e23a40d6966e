// One plan under several schedules: each compiled, proven and predicted, as a table, best first.
// Constant costs are of a rank's whole share of the model, so that schedules with more chunks
// compare fairly. Tests: compare_schedules_test.cc.
#pragma once

#include <optional>
#include <string>

#include "compiler/compile.h"
#include "compiler/predict.h"

namespace pprun {

struct CompareOptions {
  CompileOptions compile;
  PredictOptions predict;
  std::optional<std::string>
      schedules;          // "gpipe,breadth_first(chunks = 4)"; none: all built-in ones
  double memory_gib = 0;  // limit a rank; 0: none
};

// A row a schedule: predicted makespan, bubble, memory of the rank that needs most, messages a
// step; then the schedules that do not fit, with the reason. Throws std::runtime_error if none
// fits.
std::string CompareSchedules(const std::string& path, const CompareOptions& options);

}  // namespace pprun
