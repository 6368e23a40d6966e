// Expressions, names and arguments of the tree. Tests: parser_test.cc.
#include <charconv>
#include <cmath>
#include <limits>

#include "compiler/plan/base/check.h"
#include "dsl/build_ast.h"

namespace pprun {
namespace {

using grammar::SchedParser;

// Names a file or says why: more is a mistake, and bounds what a value can take up.
constexpr size_t kLongestString = 1024;

ast::BinaryOperator Operator(size_t type) {
  switch (type) {
    case SchedParser::PLUS:
      return ast::BinaryOperator::kAdd;
    case SchedParser::MINUS:
      return ast::BinaryOperator::kSubtract;
    case SchedParser::STAR:
      return ast::BinaryOperator::kMultiply;
    case SchedParser::SLASH:
      return ast::BinaryOperator::kDivide;
    case SchedParser::PERCENT:
      return ast::BinaryOperator::kRemainder;
    case SchedParser::LESS:
      return ast::BinaryOperator::kLess;
    case SchedParser::LESS_EQUAL:
      return ast::BinaryOperator::kLessEqual;
    case SchedParser::GREATER:
      return ast::BinaryOperator::kGreater;
    case SchedParser::GREATER_EQUAL:
      return ast::BinaryOperator::kGreaterEqual;
    case SchedParser::EQUAL:
      return ast::BinaryOperator::kEqual;
    case SchedParser::NOT_EQUAL:
      return ast::BinaryOperator::kNotEqual;
    case SchedParser::AND:
      return ast::BinaryOperator::kAnd;
    case SchedParser::OR:
      return ast::BinaryOperator::kOr;
    default:
      CHECK(false && "a binary operator of the grammar");
  }
}

int64_t BytesOf(const std::string& unit) {
  if (unit == "KiB") return int64_t{1} << 10;
  if (unit == "MiB") return int64_t{1} << 20;
  CHECK(unit == "GiB");
  return int64_t{1} << 30;
}

}  // namespace

ast::Location AstBuilder::Place(const antlr4::ParserRuleContext& context) const {
  return places_.Of(*context.start, *context.stop);
}

ast::ExpressionId AstBuilder::Add(const antlr4::ParserRuleContext& context,
                                  decltype(ast::Expression::node) node) {
  program_.expressions.push_back({Place(context), std::move(node)});
  return {static_cast<int32_t>(program_.expressions.size()) - 1};
}

ast::ExpressionId AstBuilder::Build(Parser::ExpressionContext& expression) {
  if (auto* tuple = dynamic_cast<Parser::ParenthesisedContext*>(&expression)) {
    const auto items = tuple->expression();
    if (items.size() == 1) return Build(*items[0]);
    ast::Tuple built;
    for (auto* item : items) built.items.push_back(Build(*item));
    return Add(expression, std::move(built));
  }
  if (auto* integer = dynamic_cast<Parser::IntegerContext*>(&expression)) {
    return Add(expression, BuildNumber(*integer));
  }
  if (dynamic_cast<Parser::FloatContext*>(&expression) != nullptr) {
    return Add(expression, BuildFloat(*expression.start));
  }
  if (auto* boolean = dynamic_cast<Parser::BooleanContext*>(&expression)) {
    return Add(expression, ast::BooleanLiteral{boolean->TRUE() != nullptr});
  }
  if (dynamic_cast<Parser::StringContext*>(&expression) != nullptr) {
    return Add(expression, ast::StringLiteral{BuildString(*expression.start)});
  }
  if (auto* named = dynamic_cast<Parser::NameOrCallContext*>(&expression)) {
    if (named->arguments() == nullptr) {
      return Add(expression, ast::Reference{named->name()->getText()});
    }
    return Add(expression, BuildCall(*named->name(), named->arguments()));
  }
  if (auto* negate = dynamic_cast<Parser::NegateContext*>(&expression)) {
    return Add(expression, ast::Unary{ast::UnaryOperator::kNegate, Build(*negate->expression())});
  }
  if (auto* inverted = dynamic_cast<Parser::NotContext*>(&expression)) {
    return Add(expression, ast::Unary{ast::UnaryOperator::kNot, Build(*inverted->expression())});
  }
  if (auto* conditional = dynamic_cast<Parser::ConditionalContext*>(&expression)) {
    const auto parts = conditional->expression();
    const ast::ExpressionId condition = Build(*parts[0]);
    const ast::ExpressionId then = Build(*parts[1]);
    return Add(expression, ast::Conditional{condition, then, Build(*parts[2])});
  }
  return BuildBinary(expression, expression.getRuleContexts<Parser::ExpressionContext>());
}

ast::ExpressionId AstBuilder::AddToken(const antlr4::Token& token,
                                       decltype(ast::Expression::node) node) {
  program_.expressions.push_back({places_.Of(token), std::move(node)});
  return {static_cast<int32_t>(program_.expressions.size()) - 1};
}

ast::ExpressionId AstBuilder::BuildBinary(const antlr4::ParserRuleContext& context,
                                          const std::vector<Parser::ExpressionContext*>& operands) {
  CHECK(operands.size() == 2 && context.children.size() == 3);
  auto* symbol = dynamic_cast<antlr4::tree::TerminalNode*>(context.children[1]);
  CHECK(symbol != nullptr);
  const ast::ExpressionId left = Build(*operands[0]);
  const ast::ExpressionId right = Build(*operands[1]);
  return Add(context, ast::Binary{Operator(symbol->getSymbol()->getType()), left, right});
}

ast::IntegerLiteral AstBuilder::BuildInteger(const antlr4::Token& token) {
  const std::string text = token.getText();
  ast::IntegerLiteral literal;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), literal.value);
  if (result.ec == std::errc::result_out_of_range) {
    diagnostics_.Error(places_.Of(token), "this integer is too large: the largest is " +
                                              std::to_string(std::numeric_limits<int64_t>::max()));
    literal.value = 0;
  }
  return literal;
}

decltype(ast::Expression::node) AstBuilder::BuildNumber(Parser::IntegerContext& context) {
  const ast::IntegerLiteral count = BuildInteger(*context.start);
  if (context.UNIT() == nullptr) return count;
  const int64_t unit = BytesOf(context.UNIT()->getText());
  if (count.value > std::numeric_limits<int64_t>::max() / unit) {
    diagnostics_.Error(Place(context), "this size is too large: it has more than 2^63 bytes");
    return ast::SizeLiteral{};
  }
  return ast::SizeLiteral{count.value * unit};
}

ast::FloatLiteral AstBuilder::BuildFloat(const antlr4::Token& token) {
  const std::string text = token.getText();
  ast::FloatLiteral literal;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), literal.value);
  if (result.ec != std::errc() || !std::isfinite(literal.value)) {
    diagnostics_.Error(places_.Of(token), "this number is outside the range of 64-bit floats");
    literal.value = 0;
  }
  return literal;
}

std::string AstBuilder::BuildString(const antlr4::Token& token) {
  const std::string text = token.getText();
  std::string value;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    const char escaped = text[++i];
    if (escaped == 'n') {
      value += '\n';
    } else if (escaped == 't') {
      value += '\t';
    } else if (escaped == '"' || escaped == '\\') {
      value += escaped;
    } else {
      diagnostics_.Error(places_.Of(token), "unknown escape in this string")
          .Note(places_.Of(token), "known are `\\n`, `\\t`, `\\\"` and `\\\\`");
      return value;
    }
  }
  if (value.size() > kLongestString) {
    diagnostics_.Error(places_.Of(token), "this string is longer than " +
                                              std::to_string(kLongestString) + " bytes, the limit");
    value.clear();
  }
  return value;
}

ast::Name AstBuilder::BuildName(Parser::NameContext& name) { return {name.getText(), Place(name)}; }

std::vector<ast::Argument> AstBuilder::BuildArguments(Parser::ArgumentsContext* arguments) {
  std::vector<ast::Argument> built;
  if (arguments == nullptr) return built;
  for (auto* argument : arguments->argument()) {
    ast::Argument one;
    if (argument->name() != nullptr) one.name = BuildName(*argument->name());
    one.value = Build(*argument->expression());
    one.location = Place(*argument);
    built.push_back(std::move(one));
  }
  return built;
}

ast::Call AstBuilder::BuildCall(Parser::NameContext& name, Parser::ArgumentsContext* arguments) {
  return {BuildName(name), BuildArguments(arguments)};
}

}  // namespace pprun
