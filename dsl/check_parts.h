// The parts of Check, in the order in which they run; each reports what is wrong with its
// construct. What one part found out is an argument of the next. Tests: checker_test.cc and
// golden/errors/.
#pragma once

#include <optional>
#include <vector>

#include "dsl/checked.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"
#include "dsl/scope.h"

namespace pprun {

// No extent of a tensor is larger, so that products of two fit 64 bits.
inline constexpr int64_t kLargestExtent = (int64_t{1} << 31) - 1;
// No tensor has more elements (compiler/plan/types.h).
inline constexpr int64_t kMostElements = int64_t{1} << 48;

// Of a search to choose among.
inline constexpr int kMostPlacements = 16;

struct CheckContext {
  const ast::Program& program;
  const Limits& limits;
  Diagnostics& diagnostics;
};

// check_overrides.cc: rewrites the tree as `--set` says, so that whatever depends on a value
// follows.
struct AppliedOverrides {
  // Of a study, where a file without `train` was given them.
  std::optional<ast::ExpressionId> microbatches;
  std::vector<std::string> left_out;  // as in CheckedProgram
};
AppliedOverrides ApplyOverrides(ast::Program& program, const std::vector<Override>& overrides,
                                const Limits& limits, Diagnostics& diagnostics);

// check_choices.cc: which definition is meant; empty after errors, or where there is none.
std::optional<size_t> ChosenModel(const ast::Program& program, Diagnostics& diagnostics);
std::optional<size_t> ChosenSchedule(const ast::Program& program, Diagnostics& diagnostics);

// check_mesh.cc: lets of the files, then the axes, into one scope.
void DefineLets(const CheckContext& context, const std::vector<ast::Setting>& lets, Scope& scope);
std::vector<CheckedAxis> CheckMesh(const CheckContext& context, Scope& scope);

// check_model.cc. The model's own names go into `scope`.
CheckedModel CheckModel(const CheckContext& context, const ast::Model& model, Scope& scope);

// check_operation.cc: the settings of an operation, without its widths; empty after errors.
std::optional<CheckedOperation> ReadOperation(const CheckContext& context,
                                              const ast::Operation& operation, Scope& scope);
// An error about a setting, with a note where its value comes from.
void ReportSetting(const CheckContext& context, const ast::Operation& operation,
                   const std::string& name, const std::string& message, Scope& scope);

// check_stages.cc
CheckedStages CheckStages(const CheckContext& context, const CheckedProgram& checked, Scope& scope);

// check_train.cc
CheckedTrain CheckTrain(const CheckContext& context, const CheckedProgram& checked, Scope& scope);
// Of a file without a model: its microbatches, and 0 if it does not say how many.
int64_t CheckStudyTrain(const CheckContext& context, Scope& scope);
const std::vector<std::string>& TrainSettings();

// check_optimizer.cc
CheckedOptimizer CheckOptimizer(const CheckContext& context, ast::ExpressionId value, Scope& scope);
// What it may be given, in order; nothing of one that is unknown.
std::vector<std::string> OptimizerArguments(std::string_view optimizer);

// check_schedule.cc
CheckedSchedule CheckSchedule(const CheckContext& context, size_t definition, Scope& scope);
// check_greedy.cc: what can be said of it before values are known.
void CheckGreedy(const CheckContext& context, const ast::ScheduleDefinition& definition);
CheckedGradients CheckGradients(const CheckContext& context, Scope& scope);
void CheckRecompute(const CheckContext& context);

// check_transfers.cc
TransferQueues CheckTransfers(const CheckContext& context);

}  // namespace pprun
