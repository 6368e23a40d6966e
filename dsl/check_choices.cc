// Which of the models and schedules is meant. Tests: checker_test.cc.
#include <unordered_map>

#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

// `kind` is "model" or "schedule", for messages.
template <typename Definition>
std::optional<size_t> Choose(const std::vector<Definition>& definitions,
                             const std::optional<ast::Choice>& choice, const std::string& kind,
                             const std::vector<std::string>& more_names, Diagnostics& diagnostics) {
  std::unordered_map<std::string, size_t> by_name;
  for (size_t i = 0; i < definitions.size(); ++i) {
    const ast::Name& name = definitions[i].name;
    const auto [first, added] = by_name.emplace(name.text, i);
    if (added) continue;
    diagnostics.Error(name.location, "a second " + kind + " " + Code(name.text))
        .Note(definitions[first->second].name.location, "the first is here");
    return std::nullopt;
  }
  if (choice.has_value()) {
    const ast::Name& name = choice->call.callee;
    if (const auto found = by_name.find(name.text); found != by_name.end()) return found->second;
    std::vector<std::string> names = more_names;
    for (const Definition& definition : definitions) names.push_back(definition.name.text);
    const std::string meant = DidYouMean(name.text, names);
    Diagnostic& error = diagnostics.Error(name.location, "unknown " + kind + " " + Code(name.text));
    if (!meant.empty()) {
      error.Note(name.location, "did you mean " + Code(meant) + "?");
    } else if (!more_names.empty()) {
      error.Note(name.location, "`ppc show` lists the built-in ones");
    }
    return std::nullopt;
  }
  if (definitions.size() > 1) {
    const ast::Location second = definitions[1].name.location;
    diagnostics.Error(second, "several " + kind + "s, and none is chosen")
        .Note(second, "choose one with " + Code(kind + " NAME;"));
    return std::nullopt;
  }
  if (definitions.empty()) return std::nullopt;
  return 0;
}

}  // namespace

std::optional<size_t> ChosenModel(const ast::Program& program, Diagnostics& diagnostics) {
  return Choose(program.models, program.model, "model", {}, diagnostics);
}

std::optional<size_t> ChosenSchedule(const ast::Program& program, Diagnostics& diagnostics) {
  std::vector<std::string> built_in;
  for (const auto& [name, text] : BuiltInSchedules()) built_in.push_back(name);
  return Choose(program.schedules, program.schedule, "schedule", built_in, diagnostics);
}

}  // namespace pprun
