// What every instruction of a plan takes: by constants, by the model of a machine, or as it was
// measured. Tests: cost_model_test.cc.
#pragma once

#include <variant>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/tasks.h"
#include "compiler/simulate/costs.h"
#include "compiler/simulate/machine.h"
#include "compiler/simulate/profile.h"

namespace pprun {

// Constants are in the caller's units, the others in seconds.
using CostModel = std::variant<CostTable, Machine, Profile>;

// Duration of each instruction of one program of a position, from when all that it waits for has
// happened; of a rendezvous, from when the last member is there.
//
//   constants   a task's cost shared equally by its runs; transfers, permutes and collectives as
//               given; everything else nothing
//   machine     a run: the longer of FLOPs / achieved FLOP/s and bytes / achieved bandwidth, and a
//               launch an operation; a transfer and a collective: the link that joins the ranks;
//               anything else: the bytes it touches, and a launch
//   profile     as measured; what was not measured is scaled from the nearest size of its kind
//
// The tasks of an overlapped pair each last as long as the pair: as constants say; as measured in a
// pair; otherwise the sum of the two. Throws std::invalid_argument if the constants have the wrong
// number of stages or a pair cost less than one of its tasks, or if a model is asked about tasks
// without functions, and std::runtime_error if a profile lacks something.
std::vector<double> InstructionCosts(const Plan& plan, PositionId position, ProgramKind program,
                                     const PlannedTasks& tasks, const CostModel& model);

// Bytes that the operations of a function read and write, each by itself: what it moves where
// nothing is fused.
double TrafficOf(const Function& function);

// The type its matrix products are in: of their weights or keys; f32 if it has none.
DType ProductType(const Function& function);

// The rank that stands for all replicas of a position: its other coordinates are zero.
int64_t FirstRankOf(const Plan& plan, PositionId position);

}  // namespace pprun
