// Prints a tree as source again, in one layout: what --emit=ast shows. Parsing the text gives the
// same text. Tests: ast_text_test.cc and golden/ast/.
#include "dsl/ast_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "compiler/plan/base/check.h"
#include "dsl/frontend.h"

namespace pprun {
namespace {

// How tightly an operator binds, as the grammar has it; an operand that binds less needs
// parentheses.
enum Precedence : int {
  kConditional,
  kOr,
  kAnd,
  kNot,
  kEqual,
  kCompare,
  kAdd,
  kMultiply,
  kNegate,
  kPrimary
};

struct OperatorText {
  std::string_view symbol;
  Precedence precedence = kPrimary;
};

OperatorText TextOf(ast::BinaryOperator op) {
  switch (op) {
    case ast::BinaryOperator::kAdd:
      return {"+", kAdd};
    case ast::BinaryOperator::kSubtract:
      return {"-", kAdd};
    case ast::BinaryOperator::kMultiply:
      return {"*", kMultiply};
    case ast::BinaryOperator::kDivide:
      return {"/", kMultiply};
    case ast::BinaryOperator::kRemainder:
      return {"%", kMultiply};
    case ast::BinaryOperator::kEqual:
      return {"==", kEqual};
    case ast::BinaryOperator::kNotEqual:
      return {"!=", kEqual};
    case ast::BinaryOperator::kLess:
      return {"<", kCompare};
    case ast::BinaryOperator::kLessEqual:
      return {"<=", kCompare};
    case ast::BinaryOperator::kGreater:
      return {">", kCompare};
    case ast::BinaryOperator::kGreaterEqual:
      return {">=", kCompare};
    case ast::BinaryOperator::kAnd:
      return {"and", kAnd};
    case ast::BinaryOperator::kOr:
      return {"or", kOr};
  }
  CHECK(false && "a binary operator");
}

struct Printed {
  std::string text;
  Precedence precedence = kPrimary;
};

struct PrintExpression {
  const ast::Program& program;

  Printed Print(ast::ExpressionId id) const { return std::visit(*this, program[id].node); }
  // In parentheses if it binds less than `least`.
  std::string Operand(ast::ExpressionId id, int least) const {
    const Printed printed = Print(id);
    return printed.precedence < least ? "(" + printed.text + ")" : printed.text;
  }

  Printed operator()(const ast::IntegerLiteral& literal) const {
    return {std::to_string(literal.value), kPrimary};
  }
  Printed operator()(const ast::SizeLiteral& literal) const {
    return {SizeText(literal.bytes), kPrimary};
  }
  Printed operator()(const ast::FloatLiteral& literal) const {
    return {FloatText(literal.value), kPrimary};
  }
  Printed operator()(const ast::BooleanLiteral& literal) const {
    return {literal.value ? "true" : "false", kPrimary};
  }
  Printed operator()(const ast::StringLiteral& literal) const {
    return {QuotedText(literal.value), kPrimary};
  }
  Printed operator()(const ast::Reference& reference) const { return {reference.name, kPrimary}; }
  Printed operator()(const ast::Unary& unary) const {
    if (unary.op == ast::UnaryOperator::kNot) {
      return {"not " + Operand(unary.operand, kNot), kNot};
    }
    return {"-" + Operand(unary.operand, kNegate), kNegate};
  }
  Printed operator()(const ast::Binary& binary) const {
    const OperatorText op = TextOf(binary.op);
    return {Operand(binary.left, op.precedence) + " " + std::string(op.symbol) + " " +
                Operand(binary.right, op.precedence + 1),
            op.precedence};
  }
  Printed operator()(const ast::Conditional& conditional) const {
    return {"if " + Print(conditional.condition).text + " then " + Print(conditional.then).text +
                " else " + Print(conditional.otherwise).text,
            kConditional};
  }
  Printed operator()(const ast::Call& call) const {
    return {call.callee.text + "(" + ArgumentsText(program, call.arguments) + ")", kPrimary};
  }
  Printed operator()(const ast::Tuple& tuple) const {
    std::string text = "(";
    for (size_t i = 0; i < tuple.items.size(); ++i) {
      text += (i > 0 ? ", " : "") + Print(tuple.items[i]).text;
    }
    return {text + ")", kPrimary};
  }
};

// `gpipe` or `ddp(bucket = 25 MiB)`.
std::string ChoiceText(const ast::Program& program, const ast::Call& call) {
  if (call.arguments.empty()) return call.callee.text;
  return call.callee.text + "(" + ArgumentsText(program, call.arguments) + ")";
}

std::string SettingText(const ast::Program& program, const ast::Setting& setting) {
  return setting.name.text + " = " + ToText(program, setting.value) + ";";
}

std::string BlockOfSettings(const ast::Program& program, const std::vector<ast::Setting>& settings,
                            const std::string& keyword) {
  std::string text = keyword + " {\n";
  for (const ast::Setting& setting : settings) {
    text += "  " + SettingText(program, setting) + "\n";
  }
  return text + "}\n";
}

std::string OperationText(const ast::Program& program, const ast::Operation& operation,
                          const std::string& indent) {
  std::string text = indent + ChoiceText(program, {operation.name, operation.arguments});
  if (operation.label.has_value()) text += " as " + QuotedText(operation.label->text);
  if (operation.split.has_value()) text += " split " + operation.split->text;
  if (!operation.has_body) return text + ";\n";
  text += " {\n";
  for (const ast::Operation& inner : operation.body) {
    text += OperationText(program, inner, indent + "  ");
  }
  return text + indent + "}\n";
}

std::string ModelText(const ast::Program& program, const ast::Model& model) {
  std::string text = "model " + ChoiceText(program, {model.name, model.parameters}) + " {\n";
  for (const ast::Setting& let : model.lets) text += "  let " + SettingText(program, let) + "\n";
  for (const ast::Layer& layer : model.layers) {
    text += "  layer " + layer.name.text;
    if (layer.repeat.valid()) text += " repeat " + ToText(program, layer.repeat);
    text += " {\n";
    for (const ast::Operation& operation : layer.operations) {
      text += OperationText(program, operation, "    ");
    }
    text += "  }\n";
  }
  return text + "}\n";
}

std::string SelectionText(const ast::Program& program, const ast::LayerSelection& selection) {
  if (!selection.begin.valid()) return selection.layer.text;
  std::string text = selection.layer.text + "[" + ToText(program, selection.begin);
  if (selection.end.valid()) text += " .. " + ToText(program, selection.end);
  return text + "]";
}

std::string StagesText(const ast::Program& program, const ast::Stages& stages) {
  if (stages.policy.has_value()) return "stages " + ChoiceText(program, *stages.policy) + ";\n";
  std::string text = "stages {\n";
  for (size_t i = 0; i < stages.stages.size(); ++i) {
    text += i > 0 ? "  |" : "   ";
    for (const ast::LayerSelection& selection : stages.stages[i]) {
      text += " " + SelectionText(program, selection);
    }
    text += "\n";
  }
  return text + "}\n";
}

}  // namespace

std::string ToText(const ast::Program& program, ast::ExpressionId expression) {
  return PrintExpression{program}.Print(expression).text;
}

std::string ArgumentsText(const ast::Program& program,
                          const std::vector<ast::Argument>& arguments) {
  std::string text;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) text += ", ";
    if (arguments[i].name.has_value()) text += arguments[i].name->text + " = ";
    text += ToText(program, arguments[i].value);
  }
  return text;
}

std::string SizeText(int64_t bytes) {
  constexpr std::pair<int64_t, std::string_view> kUnits[] = {
      {int64_t{1} << 30, " GiB"}, {int64_t{1} << 20, " MiB"}, {int64_t{1} << 10, " KiB"}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes != 0 && bytes % unit == 0) return std::to_string(bytes / unit) + std::string(name);
  }
  return bytes == 0 ? "0 KiB" : std::to_string(bytes);
}

std::string FloatText(double value) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, result.ptr);
  // `3e-4` rather than `3e-04`.
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos) {
    const size_t digits = exponent + 2;
    const size_t first = std::min(text.find_first_not_of('0', digits), text.size() - 1);
    text.erase(digits, first - digits);
  }
  // A float reads as one: `1.0`, not `1`.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string QuotedText(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else {
      text += c;
    }
  }
  return text + "\"";
}

std::string ToText(const ast::Program& program) {
  std::string text;
  for (const ast::Import& import : program.imports) {
    text += "import " + QuotedText(import.path) + ";\n";
  }
  for (const ast::Setting& let : program.lets) text += "let " + SettingText(program, let) + "\n";
  if (program.mesh_location.end > 0) text += BlockOfSettings(program, program.mesh, "mesh");
  for (const ast::Model& model : program.models) text += ModelText(program, model);
  if (program.model) text += "model " + ChoiceText(program, program.model->call) + ";\n";
  if (program.stages) text += StagesText(program, *program.stages);
  if (program.train_location.end > 0) text += BlockOfSettings(program, program.train, "train");
  for (const ast::ScheduleDefinition& schedule : program.schedules) {
    text += ScheduleText(program, schedule);
  }
  if (program.schedule) text += "schedule " + ChoiceText(program, program.schedule->call) + ";\n";
  if (program.gradients)
    text += "gradients " + ChoiceText(program, program.gradients->call) + ";\n";
  if (program.transfers)
    text += "transfers " + ChoiceText(program, program.transfers->call) + ";\n";
  if (program.recompute)
    text += "recompute " + ChoiceText(program, program.recompute->call) + ";\n";
  return text;
}

}  // namespace pprun
