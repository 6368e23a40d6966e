// Lets of the files and the axes of the mesh. Tests: checker_test.cc.
#include <algorithm>

#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

bool IsLater(std::string_view axis) { return axis == "fsdp" || axis == "tp"; }

void ReportUnknownAxis(const ast::Name& name, Diagnostics& diagnostics) {
  const std::string meant = DidYouMean(name.text, {kAxes.begin(), kAxes.end()});
  diagnostics.Error(name.location, "the mesh has no axis " + Code(name.text))
      .Note(name.location, meant.empty() ? "the axes are `pp`, `dp`, `fsdp` and `tp`"
                                         : "did you mean " + Code(meant) + "?");
}

// `sequence_parallel` stands among the axes but is none.
void CheckSequenceParallel(ValueReader& reader, const ast::Setting& setting,
                           Diagnostics& diagnostics) {
  if (reader.Boolean(setting.value, "sequence_parallel").value_or(false)) {
    diagnostics.Error(setting.location, "`sequence_parallel` is not supported yet");
  }
}

std::optional<CheckedAxis> CheckAxis(const CheckContext& context, ValueReader& reader,
                                     const ast::Setting& setting) {
  const std::string& name = setting.name.text;
  const auto size = reader.Integer(setting.value, name, {.least = 1, .most = context.limits.ranks});
  if (!size.has_value()) return std::nullopt;
  if (IsLater(name) && *size > 1) {
    context.diagnostics.Error(setting.location,
                              "the axis " + Code(name) + " is not supported yet beyond size 1");
    return std::nullopt;
  }
  return CheckedAxis{.name = name, .size = *size, .location = setting.location};
}

void CheckRanks(const CheckContext& context, const std::vector<CheckedAxis>& axes) {
  int64_t ranks = 1;
  for (const CheckedAxis& axis : axes) {
    if (axis.size <= context.limits.ranks / ranks) {
      ranks *= axis.size;
      continue;
    }
    context.diagnostics.Error(axis.location, "the mesh has more ranks than the limit `ranks`, " +
                                                 std::to_string(context.limits.ranks));
    return;
  }
}

}  // namespace

void DefineLets(const CheckContext& context, const std::vector<ast::Setting>& lets, Scope& scope) {
  for (const ast::Setting& let : lets) {
    scope.Define(let.name, Evaluate(context.program, let.value, scope, context.diagnostics),
                 context.diagnostics, NamesIn(context.program, let.value));
  }
}

std::vector<CheckedAxis> CheckMesh(const CheckContext& context, Scope& scope) {
  std::vector<CheckedAxis> axes;
  ValueReader reader(context.program, scope, context.diagnostics);
  for (const ast::Setting& setting : context.program.mesh) {
    const std::string& name = setting.name.text;
    if (name == "sequence_parallel") {
      CheckSequenceParallel(reader, setting, context.diagnostics);
      continue;
    }
    if (std::find(kAxes.begin(), kAxes.end(), name) == kAxes.end()) {
      ReportUnknownAxis(setting.name, context.diagnostics);
      continue;
    }
    const std::optional<CheckedAxis> axis = CheckAxis(context, reader, setting);
    const Constant value = axis.has_value() ? Constant{axis->size} : Constant{};
    scope.Define(setting.name, value, context.diagnostics);
    // One that is wrong stands for itself with size 1.
    axes.push_back(
        axis.value_or(CheckedAxis{.name = name, .size = 1, .location = setting.location}));
  }
  // What is not written has size 1; pp is outermost then, dp innermost.
  const auto complete = [&](std::string_view name, auto position) {
    if (scope.Lookup(name).has_value()) return;
    const ast::Location location = context.program.mesh_location;
    axes.insert(position(), {.name = std::string(name), .size = 1, .location = location});
    scope.Define({std::string(name), location}, {int64_t{1}}, context.diagnostics);
  };
  complete("pp", [&] { return axes.begin(); });
  complete("dp", [&] { return axes.end(); });
  CheckRanks(context, axes);
  return axes;
}

}  // namespace pprun
