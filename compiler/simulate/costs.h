// Constants in place of a machine: what a task of each kind costs, in units of the caller's choice.
// Tests: costs_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/ids.h"
#include "compiler/plan/task_kind.h"

namespace pprun {

// Costs of a whole task of one stage, by stage, or one for all stages; the runs of a task share it
// equally. A backward costs input_grad + weight_grad.
struct CostTable {
  std::vector<double> forward = {1};
  std::vector<double> input_grad = {1};
  std::vector<double> weight_grad = {1};
  // An overlapped pair as a whole, by the stage of its first task; empty: the sum of its tasks.
  std::vector<double> pair = {};
  double transfer = 0;    // latency of a send with its recv; occupies no compute
  double collective = 0;  // each

  double Of(TaskKind kind, StageId stage) const;
};

// Parses "F=1,B=2,C=0.1" or "F=1:1:1.5:1,I=1,W=1,FB=2.5,A=0.5" (C a transfer, A a collective, FB an
// overlapped pair); what is not named keeps its default. Throws std::invalid_argument with what is
// wrong.
CostTable ParseCosts(std::string_view text);

// What such a text names: "F", "A". Throws as ParseCosts does.
std::vector<std::string> NamesOfCosts(std::string_view text);

// A list must have one cost a stage, or one for all. Throws std::invalid_argument.
void CheckStages(const CostTable& costs, int32_t stages);

}  // namespace pprun
