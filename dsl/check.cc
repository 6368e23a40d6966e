// From a tree to a checked program: each construct in turn, in the order in which their values
// depend on each other. Tests: checker_test.cc.
#include "dsl/arguments.h"
#include "dsl/check_parts.h"
#include "dsl/frontend.h"

namespace pprun {
namespace {

// The parameters of the model, as its choice or its defaults say.
void DefineModelParameters(const CheckContext& context, const ast::Model& model, Scope& global,
                           Scope& scope) {
  static const std::vector<ast::Argument> none;
  const std::optional<ast::Choice>& choice = context.program.model;
  std::vector<CallParameter> parameters;
  for (const ast::Argument& parameter : model.parameters) {
    parameters.push_back({parameter.name->text});
  }
  const auto bound = BindArguments(
      model.name.text, choice.has_value() ? choice->location : model.location,
      choice.has_value() ? choice->call.arguments : none, parameters, context.diagnostics);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool given = bound.has_value() && (*bound)[i].valid();
    const ast::ExpressionId id = given ? (*bound)[i] : model.parameters[i].value;
    scope.Define(*model.parameters[i].name,
                 Evaluate(context.program, id, given ? global : scope, context.diagnostics),
                 context.diagnostics, NamesIn(context.program, id));
  }
}

bool HasModel(const ast::Program& program) {
  return !program.models.empty() || program.model.has_value();
}

// Neither a model nor a schedule: what is asked of the default schedule, nobody has asked.
bool SaysNothing(const ast::Program& program) {
  for (const ast::ScheduleDefinition& schedule : program.schedules) {
    if (schedule.name.location.file == 0) return false;
  }
  return program.imports.empty() && !HasModel(program) && !program.schedule.has_value();
}

// A study without a pipeline has nothing to study; that `pp` was forgotten is likelier.
void WarnOfOneRank(const ast::Program& program, Diagnostics& diagnostics) {
  for (const ast::Setting& axis : program.mesh) {
    if (axis.name.text == "pp") return;
  }
  diagnostics.Warning({.file = 0}, "nothing says `pp`, so there is one rank")
      .Note({.file = 0}, "say `mesh { pp = 4; }` in the file, or `--set pp=4`");
}

}  // namespace

std::optional<CheckedProgram> Check(ast::Program program, const std::vector<Override>& overrides,
                                    const Limits& limits, Diagnostics& diagnostics) {
  const int errors = diagnostics.errors();
  AppliedOverrides applied = ApplyOverrides(program, overrides, limits, diagnostics);
  const CheckContext context{program, limits, diagnostics};
  CheckedProgram checked;
  checked.left_out = std::move(applied.left_out);

  Scope global;
  const int before_mesh = diagnostics.errors();
  for (const ast::Setting& let : program.lets) ReportIfFixed(let.name, diagnostics);
  DefineLets(context, program.lets, global);
  checked.mesh = CheckMesh(context, global);

  Scope model_scope(&global);
  if (const std::optional<size_t> chosen = ChosenModel(program, diagnostics)) {
    const ast::Model& model = program.models[*chosen];
    DefineModelParameters(context, model, global, model_scope);
    checked.model = CheckModel(context, model, model_scope);
  }
  // What is said of the stages of a wrong mesh or model would follow from that mistake.
  if (diagnostics.errors() == before_mesh) {
    checked.stages = CheckStages(context, checked, model_scope);
  }
  if (program.train_location.end > 0 && HasModel(program)) {
    checked.train = CheckTrain(context, checked, global);
    checked.microbatches = checked.train->microbatches;
  } else if (program.train_location.end > 0) {
    checked.microbatches = CheckStudyTrain(context, global);
  } else if (applied.microbatches.has_value()) {
    checked.microbatches =
        ValueReader(program, global, diagnostics)
            .Integer(*applied.microbatches, "microbatches", {.least = 1, .most = kLargestExtent})
            .value_or(0);
  }

  Scope schedule_scope(&global);
  if (checked.microbatches > 0) {
    schedule_scope.Define({"microbatches", kCommandLine}, {checked.microbatches}, diagnostics);
  }
  if (const std::optional<size_t> chosen = ChosenSchedule(program, diagnostics)) {
    checked.schedule = CheckSchedule(context, *chosen, schedule_scope);
  }
  checked.gradients = CheckGradients(context, global);
  checked.transfers = CheckTransfers(context);
  CheckRecompute(context);
  if (SaysNothing(program) && diagnostics.errors() == errors) {
    diagnostics.Error({.file = 0}, "the file has neither a `model` nor a `schedule`");
  }
  if (diagnostics.errors() > errors) return std::nullopt;
  if (!HasModel(program)) WarnOfOneRank(program, diagnostics);
  checked.program = std::move(program);
  return checked;
}

int64_t CheckedProgram::AxisSize(std::string_view name) const {
  for (const CheckedAxis& axis : mesh) {
    if (axis.name == name) return axis.size;
  }
  return 1;
}

}  // namespace pprun
