// Binds the parameters of the chosen schedule, and checks `gradients` and `recompute`. The
// schedule's statements are resolved where they are evaluated, in compiler/schedule. Tests:
// checker_test.cc.
#include "compiler/plan/base/check.h"
#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

void BindParameters(const CheckContext& context, const ast::ScheduleDefinition& definition,
                    Scope& scope, CheckedSchedule& checked) {
  std::vector<CallParameter> parameters;
  for (const ast::Argument& parameter : definition.parameters) {
    CHECK(parameter.name.has_value());
    ReportIfFixed(*parameter.name, context.diagnostics);
    parameters.push_back({parameter.name->text});
  }
  static const std::vector<ast::Argument> none;
  const std::optional<ast::Choice>& choice = context.program.schedule;
  const auto bound = BindArguments(checked.name, checked.location,
                                   choice.has_value() ? choice->call.arguments : none, parameters,
                                   context.diagnostics);
  if (!bound.has_value()) return;
  // A default may speak of the parameters before it; what the plan gives may not.
  Scope inner(&scope);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const ast::Argument& parameter = definition.parameters[i];
    const bool given = (*bound)[i].valid();
    const ast::ExpressionId id = given ? (*bound)[i] : parameter.value;
    const Constant value =
        Evaluate(context.program, id, given ? scope : inner, context.diagnostics);
    inner.Define(*parameter.name, value, context.diagnostics);
    if (const auto* integer = std::get_if<int64_t>(&value.data)) {
      checked.parameters.emplace_back(parameter.name->text, *integer);
    } else if (const auto* number = std::get_if<double>(&value.data)) {
      checked.parameters.emplace_back(parameter.name->text, *number);
    } else if (const auto* boolean = std::get_if<bool>(&value.data)) {
      checked.parameters.emplace_back(parameter.name->text, *boolean);
    } else if (!value.IsError()) {
      context.diagnostics.Error(context.program[id].location,
                                Code(parameter.name->text) + " is " + std::string(Describe(value)) +
                                    ": a parameter is a number or a boolean");
    }
  }
}

}  // namespace

CheckedSchedule CheckSchedule(const CheckContext& context, size_t definition, Scope& scope) {
  const ast::ScheduleDefinition& written = context.program.schedules[definition];
  const std::optional<ast::Choice>& choice = context.program.schedule;
  CheckedSchedule checked;
  checked.name = written.name.text;
  checked.definition = static_cast<int32_t>(definition);
  checked.location = choice.has_value() ? choice->location : written.name.location;
  if (written.rank.text.empty() && written.greedy.empty()) {
    context.diagnostics.Error(written.name.location,
                              "the schedule " + Code(checked.name) + " has no `order on rank r`");
    return checked;
  }
  CheckGreedy(context, written);
  BindParameters(context, written, scope, checked);
  return checked;
}

CheckedGradients CheckGradients(const CheckContext& context, Scope& scope) {
  CheckedGradients checked;
  const std::optional<ast::Choice>& choice = context.program.gradients;
  if (!choice.has_value()) return checked;
  checked.location = choice->location;
  const std::string& kind = choice->call.callee.text;
  const ast::Location where = choice->call.callee.location;
  if (kind == "zero" || kind == "fsdp") {
    context.diagnostics.Error(where, "`gradients " + kind + "` is not supported yet");
    return checked;
  }
  if (kind != "naive" && kind != "flat" && kind != "ddp") {
    const std::string meant = DidYouMean(kind, {"naive", "flat", "ddp"});
    context.diagnostics.Error(where, "unknown way to reduce gradients, " + Code(kind))
        .Note(where, meant.empty() ? "it is one of `naive`, `flat` and `ddp(bucket, overlap)`"
                                   : "did you mean " + Code(meant) + "?");
    return checked;
  }
  std::vector<CallParameter> parameters;
  if (kind == "ddp") parameters = {{"bucket"}, {"overlap"}};
  const auto bound = BindArguments(kind, choice->location, choice->call.arguments, parameters,
                                   context.diagnostics);
  if (!bound.has_value()) return checked;
  if (kind == "naive") checked.kind = CheckedGradients::Kind::kNaive;
  if (kind != "ddp") return checked;
  checked.kind = CheckedGradients::Kind::kDdp;
  ValueReader reader(context.program, scope, context.diagnostics);
  if ((*bound)[0].valid()) {
    checked.bucket_bytes =
        reader.Integer((*bound)[0], "bucket", {.least = 1}).value_or(checked.bucket_bytes);
  }
  if ((*bound)[1].valid()) {
    checked.overlap = reader.Boolean((*bound)[1], "overlap").value_or(checked.overlap);
  }
  return checked;
}

void CheckRecompute(const CheckContext& context) {
  const std::optional<ast::Choice>& choice = context.program.recompute;
  if (!choice.has_value() || choice->call.callee.text == "none") return;
  context.diagnostics
      .Error(choice->location, "`recompute " + choice->call.callee.text + "` is not supported yet")
      .Note(choice->location, "write `recompute none;`, or nothing");
}

}  // namespace pprun
