// Prints a schedule as source. Tests: ast_text_test.cc and golden/ast/.
#include "dsl/ast_text.h"

namespace pprun {
namespace {

struct PrintStatement {
  const ast::Program& program;
  std::string indent;

  std::string Block(const ast::Block& block) const {
    if (block.empty()) return "{\n" + indent + "}";
    const PrintStatement inner{program, indent + "  "};
    std::string text = "{\n";
    for (const ast::StatementId id : block) text += inner.Line(id);
    return text + indent + "}";
  }
  std::string Line(ast::StatementId id) const {
    return indent + std::visit(*this, program[id].node) + "\n";
  }

  std::string operator()(const ast::LetStatement& statement) const {
    return "let " + statement.let.name.text + " = " + ToText(program, statement.let.value) + ";";
  }
  std::string operator()(const ast::ForStatement& statement) const {
    return "for " + statement.variable.text + " in " + ToText(program, statement.begin) + " .. " +
           ToText(program, statement.end) + " " + Block(statement.body);
  }
  std::string operator()(const ast::RepeatStatement& statement) const {
    return "repeat " + ToText(program, statement.count) + " " + Block(statement.body);
  }
  std::string operator()(const ast::IfStatement& statement) const {
    std::string text = "if " + ToText(program, statement.condition) + " " + Block(statement.then);
    if (statement.otherwise.empty()) return text;
    if (statement.otherwise.size() == 1) {
      const auto& only = program[statement.otherwise[0]].node;
      if (std::holds_alternative<ast::IfStatement>(only)) {
        return text + " else " + std::visit(*this, only);
      }
    }
    return text + " else " + Block(statement.otherwise);
  }
  std::string operator()(const ast::OverlapStatement& statement) const {
    return "overlap " + Block(statement.body);
  }
  std::string operator()(const ast::RequireStatement& statement) const {
    std::string text = "require " + ToText(program, statement.condition);
    if (statement.message.valid()) text += ", " + ToText(program, statement.message);
    return text + ";";
  }
  std::string operator()(const ast::CallStatement& statement) const {
    const ast::Call& call = statement.call;
    return call.callee.text + "(" + ArgumentsText(program, call.arguments) + ");";
  }
};

std::string PlacementText(const ast::Program& program, const ast::Placement& placement) {
  std::string text = "  place chunk ";
  text += placement.literal.valid() ? ToText(program, placement.literal) : placement.chunk.text;
  text += " on rank " + placement.rank.text + " as ";
  for (size_t i = 0; i < placement.places.size(); ++i) {
    const ast::Place& place = placement.places[i];
    text += (i > 0 ? " | stage " : "stage ") + ToText(program, place.stage);
    if (place.pipe.valid()) text += " of pipe " + ToText(program, place.pipe);
  }
  return text + ";\n";
}

std::string GreedyText(const ast::Program& program, const ast::Greedy& greedy) {
  std::string text = "  greedy on rank ";
  text += greedy.literal.valid() ? ToText(program, greedy.literal) : greedy.rank.text;
  text += " {\n";
  for (const ast::GreedyBound& limit : greedy.limits) {
    text += "    limit " + limit.what.text + " <= " + ToText(program, limit.most) + ";\n";
  }
  for (size_t i = 0; i < greedy.preferences.size(); ++i) {
    text += (i > 0 ? ", " : "    prefer ") + greedy.preferences[i].text;
  }
  if (!greedy.preferences.empty()) text += ";\n";
  if (greedy.search.has_value()) {
    text += "    search " + greedy.search->what.text +
            " <= " + ToText(program, greedy.search->most) + ";\n";
  }
  return text + "  }\n";
}

std::string FunctionText(const ast::Program& program, const ast::Function& function) {
  std::string text = "  fn " + function.name.text + "(";
  for (size_t i = 0; i < function.parameters.size(); ++i) {
    text += (i > 0 ? ", " : "") + function.parameters[i].text;
  }
  text += ") ";
  if (function.value.valid()) return text + "= " + ToText(program, function.value) + ";\n";
  return text + PrintStatement{program, "  "}.Block(function.body) + "\n";
}

}  // namespace

std::string ScheduleText(const ast::Program& program, const ast::ScheduleDefinition& schedule) {
  std::string text = "schedule " + schedule.name.text;
  if (!schedule.parameters.empty()) text += "(" + ArgumentsText(program, schedule.parameters) + ")";
  text += " {\n";
  const PrintStatement print{program, "  "};
  for (const ast::StatementId id : schedule.preamble) text += print.Line(id);
  for (const ast::Placement& placement : schedule.placements) {
    text += PlacementText(program, placement);
  }
  for (const ast::Function& function : schedule.functions) text += FunctionText(program, function);
  if (!schedule.rank.text.empty()) {
    text += "  order on rank " + schedule.rank.text + " " + print.Block(schedule.order) + "\n";
  }
  for (const ast::Greedy& greedy : schedule.greedy) text += GreedyText(program, greedy);
  return text + "}\n";
}

}  // namespace pprun
