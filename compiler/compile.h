// The compiler as one function: a `.sched` file in, a proven plan out, and every value between for
// whoever wants to see it. A `.csv` file (schedule/csv.h) is a study of the order it lists. A value
// is there if all before it was right; `plan` only if the verifier found nothing. Tests:
// compile_test.cc and golden/.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/model/model.h"
#include "compiler/passes/draft.h"
#include "compiler/plan/plan.h"
#include "compiler/schedule/task_order.h"
#include "compiler/verify/verify.h"
#include "dsl/frontend.h"

namespace pprun {

struct CompileOptions {
  std::vector<Override> overrides;
  std::string schedule;  // in place of the file's choice, if not empty
  Limits limits;
  TaskCosts costs;  // by which transfers are ordered, and what `greedy` weighs
  // Where costs are known only of a plan (a machine, a profile): what its tasks cost. A schedule
  // with `greedy` is then compiled a second time, with these.
  std::function<TaskCosts(const Plan& plan)> costs_of_plan = {};
  VerifyOptions verify;
  // Called after each pass, for --emit=after:<pass>.
  std::function<void(std::string_view pass, const Draft&)> after_pass;
};

struct Compilation {
  SourceFiles files;
  Diagnostics diagnostics;
  std::vector<Finding> findings;  // of the verifier: a bug of the compiler, or a plan too large

  std::optional<ast::Program> program;  // not of a `.csv` file
  std::optional<CheckedProgram> checked;
  std::optional<TaskOrder> order;
  std::optional<CompiledModel> model;
  std::optional<Plan> plan;

  // A study has a schedule but nothing to train; its plan has a stand-in for the model (study.h). A
  // study of inference has a schedule without backward; its plan has no steps to train.
  enum class Purpose : uint8_t { kTraining, kStudy, kInferenceStudy } purpose = Purpose::kTraining;

  // Nothing is wrong: there is a plan, and it is proven.
  bool Ok() const { return plan.has_value() && findings.empty() && !diagnostics.HasErrors(); }

  // Errors and warnings as they are printed; empty if there are none.
  std::string Messages() const;
};

// What `--set NAME=VALUE` gave, for both programs; `schedule` names the schedule that takes the
// place of the file's. Throws std::invalid_argument, also if that is said twice.
void ApplySettings(const std::vector<std::string>& settings, CompileOptions& options);

// What a microbatch's forward saves on each stage until its backward, of a plan that trains.
std::vector<int64_t> ActivationBytes(const Compilation& result);

// Throws std::runtime_error if the file cannot be read.
Compilation Compile(const std::string& path, const CompileOptions& options);

}  // namespace pprun
