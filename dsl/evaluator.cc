// Evaluates expressions; see evaluator.h for the rules. Recursion is as deep as the tree, which the
// limit on nesting bounds. Tests: evaluator_test.cc.
#include "dsl/evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "compiler/plan/base/check.h"
#include "dsl/ast_text.h"

namespace pprun {
namespace {

constexpr std::string_view kBuiltIns[] = {"min", "max", "ceil", "floor"};

// `betas` and the like: a longer tuple is a mistake, and bounds what copies of values cost.
constexpr size_t kLongestTuple = 16;

struct Evaluator {
  const ast::Program& program;
  Environment& environment;
  Diagnostics& diagnostics;
  ast::Location here;  // of the expression being evaluated

  Constant At(ast::ExpressionId id) const {
    Evaluator inner{program, environment, diagnostics, program[id].location};
    return std::visit(inner, program[id].node);
  }

  Constant Fail(std::string message) const {
    diagnostics.Error(here, std::move(message));
    return {ErrorValue{}};
  }
  Constant Overflow(std::string_view what) const {
    return Fail(std::string(what) + " overflows 64 bits");
  }
  Constant Finite(double value, std::string_view what) const {
    if (!std::isfinite(value)) return Fail(std::string(what) + " is not a finite number");
    return {value};
  }

  Constant operator()(const ast::IntegerLiteral& literal) const { return {literal.value}; }
  Constant operator()(const ast::SizeLiteral& literal) const { return {literal.bytes}; }
  Constant operator()(const ast::FloatLiteral& literal) const { return {literal.value}; }
  Constant operator()(const ast::BooleanLiteral& literal) const { return {literal.value}; }
  Constant operator()(const ast::StringLiteral& literal) const { return {literal.value}; }
  Constant operator()(const ast::Reference& reference) const;
  Constant operator()(const ast::Unary& unary) const;
  Constant operator()(const ast::Binary& binary) const;
  Constant operator()(const ast::Conditional& conditional) const;
  Constant operator()(const ast::Call& call) const;
  Constant operator()(const ast::Tuple& tuple) const;

  Constant Logical(const ast::Binary& binary) const;
  Constant Integers(ast::BinaryOperator op, int64_t left, int64_t right) const;
  Constant Floats(ast::BinaryOperator op, double left, double right) const;
  Constant BuiltIn(const ast::Call& call) const;
};

bool IsNumber(const Constant& value) {
  return std::holds_alternative<int64_t>(value.data) || std::holds_alternative<double>(value.data);
}

double AsFloat(const Constant& value) {
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return static_cast<double>(*integer);
  return std::get<double>(value.data);
}

std::string_view Verb(ast::BinaryOperator op) {
  switch (op) {
    case ast::BinaryOperator::kAdd:
      return "this sum";
    case ast::BinaryOperator::kSubtract:
      return "this difference";
    case ast::BinaryOperator::kMultiply:
      return "this product";
    case ast::BinaryOperator::kDivide:
      return "this quotient";
    case ast::BinaryOperator::kRemainder:
      return "this remainder";
    case ast::BinaryOperator::kEqual:
    case ast::BinaryOperator::kNotEqual:
    case ast::BinaryOperator::kLess:
    case ast::BinaryOperator::kLessEqual:
    case ast::BinaryOperator::kGreater:
    case ast::BinaryOperator::kGreaterEqual:
      return "this comparison";
    case ast::BinaryOperator::kAnd:
    case ast::BinaryOperator::kOr:
      return "this condition";
  }
  CHECK(false && "a binary operator");
}

template <typename T>
std::optional<bool> Compare(ast::BinaryOperator op, const T& left, const T& right) {
  switch (op) {
    case ast::BinaryOperator::kEqual:
      return left == right;
    case ast::BinaryOperator::kNotEqual:
      return !(left == right);
    case ast::BinaryOperator::kLess:
      return left < right;
    case ast::BinaryOperator::kLessEqual:
      return left <= right;
    case ast::BinaryOperator::kGreater:
      return left > right;
    case ast::BinaryOperator::kGreaterEqual:
      return left >= right;
    case ast::BinaryOperator::kAdd:
    case ast::BinaryOperator::kSubtract:
    case ast::BinaryOperator::kMultiply:
    case ast::BinaryOperator::kDivide:
    case ast::BinaryOperator::kRemainder:
    case ast::BinaryOperator::kAnd:
    case ast::BinaryOperator::kOr:
      return std::nullopt;
  }
  CHECK(false && "a binary operator");
}

struct Division {
  int64_t quotient = 0;
  int64_t remainder = 0;
};

// Rounds towards minus infinity; C++ rounds towards zero. The divisor is not 0, the quotient fits.
// Not remainder = left - quotient * right: that product may not fit.
Division FloorDivide(int64_t left, int64_t right) {
  Division division = {.quotient = left / right, .remainder = left % right};
  if (division.remainder != 0 && (left < 0) != (right < 0)) {
    --division.quotient;
    division.remainder += right;
  }
  return division;
}

Constant Evaluator::operator()(const ast::Reference& reference) const {
  if (std::optional<Constant> value = environment.Lookup(reference.name)) return *std::move(value);
  if (diagnostics.Full()) return Fail("unknown name");
  const std::string meant = DidYouMean(reference.name, environment.Names());
  Diagnostic& error = diagnostics.Error(here, "unknown name `" + reference.name + "`");
  if (!meant.empty()) error.Note(here, "did you mean `" + meant + "`?");
  return {ErrorValue{}};
}

Constant Evaluator::operator()(const ast::Unary& unary) const {
  const Constant operand = At(unary.operand);
  if (operand.IsError()) return operand;
  if (unary.op == ast::UnaryOperator::kNot) {
    if (const auto* condition = std::get_if<bool>(&operand.data)) return {!*condition};
    return Fail("`not` takes a boolean, not " + std::string(Describe(operand)));
  }
  if (const auto* integer = std::get_if<int64_t>(&operand.data)) {
    if (*integer == std::numeric_limits<int64_t>::min()) return Overflow("this negation");
    return {-*integer};
  }
  if (const auto* number = std::get_if<double>(&operand.data)) return {-*number};
  return Fail("`-` takes a number, not " + std::string(Describe(operand)));
}

Constant Evaluator::operator()(const ast::Binary& binary) const {
  if (binary.op == ast::BinaryOperator::kAnd || binary.op == ast::BinaryOperator::kOr) {
    return Logical(binary);
  }
  const Constant left = At(binary.left);
  const Constant right = At(binary.right);
  if (left.IsError() || right.IsError()) return {ErrorValue{}};
  const auto* left_integer = std::get_if<int64_t>(&left.data);
  const auto* right_integer = std::get_if<int64_t>(&right.data);
  if (left_integer != nullptr && right_integer != nullptr) {
    return Integers(binary.op, *left_integer, *right_integer);
  }
  if (IsNumber(left) && IsNumber(right)) return Floats(binary.op, AsFloat(left), AsFloat(right));
  const bool equality =
      binary.op == ast::BinaryOperator::kEqual || binary.op == ast::BinaryOperator::kNotEqual;
  if (equality && left.data.index() == right.data.index()) {
    return {(left == right) == (binary.op == ast::BinaryOperator::kEqual)};
  }
  return Fail(std::string(Verb(binary.op)) + " has " + std::string(Describe(left)) + " and " +
              std::string(Describe(right)) + (equality ? "" : ": it takes numbers"));
}

Constant Evaluator::Logical(const ast::Binary& binary) const {
  const std::string symbol = binary.op == ast::BinaryOperator::kAnd ? "`and`" : "`or`";
  for (const ast::ExpressionId side : {binary.left, binary.right}) {
    const Constant value = At(side);
    if (value.IsError()) return value;
    const auto* condition = std::get_if<bool>(&value.data);
    if (condition == nullptr) {
      return Fail(symbol + " takes booleans, not " + std::string(Describe(value)));
    }
    // The side that decides; the right one is not looked at then.
    if (*condition == (binary.op == ast::BinaryOperator::kOr)) return {*condition};
  }
  return {binary.op == ast::BinaryOperator::kAnd};
}

Constant Evaluator::Integers(ast::BinaryOperator op, int64_t left, int64_t right) const {
  if (const std::optional<bool> result = Compare(op, left, right)) return {*result};
  int64_t result = 0;
  if (op == ast::BinaryOperator::kAdd) {
    if (__builtin_add_overflow(left, right, &result)) return Overflow(Verb(op));
  } else if (op == ast::BinaryOperator::kSubtract) {
    if (__builtin_sub_overflow(left, right, &result)) return Overflow(Verb(op));
  } else if (op == ast::BinaryOperator::kMultiply) {
    if (__builtin_mul_overflow(left, right, &result)) return Overflow(Verb(op));
  } else {
    if (right == 0) return Fail("division by zero");
    // The one quotient that does not fit; its remainder is 0.
    if (right == -1 && left == std::numeric_limits<int64_t>::min()) {
      if (op == ast::BinaryOperator::kRemainder) return {int64_t{0}};
      return Overflow(Verb(op));
    }
    const Division division = FloorDivide(left, right);
    result = op == ast::BinaryOperator::kDivide ? division.quotient : division.remainder;
  }
  return {result};
}

Constant Evaluator::Floats(ast::BinaryOperator op, double left, double right) const {
  if (const std::optional<bool> result = Compare(op, left, right)) return {*result};
  if (op == ast::BinaryOperator::kAdd) return Finite(left + right, Verb(op));
  if (op == ast::BinaryOperator::kSubtract) return Finite(left - right, Verb(op));
  if (op == ast::BinaryOperator::kMultiply) return Finite(left * right, Verb(op));
  if (op == ast::BinaryOperator::kRemainder) return Fail("`%` takes integers, not floats");
  if (right == 0) return Fail("division by zero");
  return Finite(left / right, Verb(op));
}

Constant Evaluator::operator()(const ast::Conditional& conditional) const {
  const Constant condition = At(conditional.condition);
  if (condition.IsError()) return condition;
  const auto* chosen = std::get_if<bool>(&condition.data);
  if (chosen == nullptr) {
    return Fail("the condition of `if` is " + std::string(Describe(condition)) + ", not a boolean");
  }
  return At(*chosen ? conditional.then : conditional.otherwise);
}

Constant Evaluator::operator()(const ast::Tuple& tuple) const {
  if (tuple.items.size() > kLongestTuple) {
    return Fail("a tuple has at most " + std::to_string(kLongestTuple) + " items");
  }
  std::vector<Constant> items;
  for (const ast::ExpressionId id : tuple.items) {
    items.push_back(At(id));
    if (items.back().IsError()) return {ErrorValue{}};
    // Tuples of tuples double in size with every `let`.
    if (std::holds_alternative<std::vector<Constant>>(items.back().data)) {
      return Fail("a tuple holds no tuples");
    }
  }
  return {std::move(items)};
}

Constant Evaluator::operator()(const ast::Call& call) const {
  const std::string& name = call.callee.text;
  if (std::find(std::begin(kBuiltIns), std::end(kBuiltIns), name) != std::end(kBuiltIns)) {
    return BuiltIn(call);
  }
  if (std::optional<Constant> value = environment.CallFunction(call, here, diagnostics)) {
    return *std::move(value);
  }
  if (diagnostics.Full()) return Fail("unknown function");
  std::vector<std::string> names = environment.Names();
  names.insert(names.end(), std::begin(kBuiltIns), std::end(kBuiltIns));
  const std::string meant = DidYouMean(name, names);
  Diagnostic& error = diagnostics.Error(call.callee.location, "unknown function `" + name + "`");
  if (!meant.empty()) error.Note(call.callee.location, "did you mean `" + meant + "`?");
  return {ErrorValue{}};
}

Constant Evaluator::BuiltIn(const ast::Call& call) const {
  const std::string& name = call.callee.text;
  const bool rounds = name == "ceil" || name == "floor";
  if (call.arguments.empty() || (rounds && call.arguments.size() > 1)) {
    return Fail("`" + name + "` takes " + (rounds ? "one number" : "at least one number"));
  }
  Constant result;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const Constant value = At(call.arguments[i].value);
    if (value.IsError()) return value;
    if (call.arguments[i].name.has_value() || !IsNumber(value)) {
      return Fail("`" + name + "` takes numbers, without names");
    }
    if (i == 0) {
      result = value;
      continue;
    }
    const bool both_integers =
        std::holds_alternative<int64_t>(value.data) && std::holds_alternative<int64_t>(result.data);
    const bool less = both_integers ? std::get<int64_t>(value.data) < std::get<int64_t>(result.data)
                                    : AsFloat(value) < AsFloat(result);
    const Constant chosen = less == (name == "min") ? value : result;
    // One float among the arguments makes the result one.
    result = both_integers ? chosen : Constant{AsFloat(chosen)};
  }
  if (!rounds || std::holds_alternative<int64_t>(result.data)) return result;
  const double number = std::get<double>(result.data);
  const double rounded = name == "ceil" ? std::ceil(number) : std::floor(number);
  // 2^63 is the first float beyond the integers.
  if (rounded < -0x1p63 || rounded >= 0x1p63) return Overflow("`" + name + "`");
  return {static_cast<int64_t>(rounded)};
}

}  // namespace

std::string_view Describe(const Constant& value) {
  struct Words {
    std::string_view operator()(const ErrorValue&) const { return "an error"; }
    std::string_view operator()(int64_t) const { return "an integer"; }
    std::string_view operator()(double) const { return "a float"; }
    std::string_view operator()(bool) const { return "a boolean"; }
    std::string_view operator()(const std::string&) const { return "a string"; }
    std::string_view operator()(const std::vector<Constant>&) const { return "a tuple"; }
  };
  return std::visit(Words{}, value.data);
}

std::string ToString(const Constant& value) {
  struct Text {
    std::string operator()(const ErrorValue&) const { return "error"; }
    std::string operator()(int64_t integer) const { return std::to_string(integer); }
    std::string operator()(double number) const { return FloatText(number); }
    std::string operator()(bool boolean) const { return boolean ? "true" : "false"; }
    std::string operator()(const std::string& text) const { return QuotedText(text); }
    std::string operator()(const std::vector<Constant>& items) const {
      std::string text = "(";
      for (size_t i = 0; i < items.size(); ++i) text += (i > 0 ? ", " : "") + ToString(items[i]);
      return text + ")";
    }
  };
  return std::visit(Text{}, value.data);
}

Constant Evaluate(const ast::Program& program, ast::ExpressionId expression,
                  Environment& environment, Diagnostics& diagnostics) {
  return Evaluator{program, environment, diagnostics, {}}.At(expression);
}

std::optional<int64_t> EvaluateInteger(const ast::Program& program, ast::ExpressionId expression,
                                       Environment& environment, Diagnostics& diagnostics,
                                       std::string_view what) {
  const Constant value = Evaluate(program, expression, environment, diagnostics);
  if (value.IsError()) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return *integer;
  diagnostics.Error(program[expression].location,
                    std::string(what) + " is " + std::string(Describe(value)) + ", not an integer");
  return std::nullopt;
}

std::optional<bool> EvaluateBoolean(const ast::Program& program, ast::ExpressionId expression,
                                    Environment& environment, Diagnostics& diagnostics,
                                    std::string_view what) {
  const Constant value = Evaluate(program, expression, environment, diagnostics);
  if (value.IsError()) return std::nullopt;
  if (const auto* boolean = std::get_if<bool>(&value.data)) return *boolean;
  diagnostics.Error(program[expression].location,
                    std::string(what) + " is " + std::string(Describe(value)) + ", not a boolean");
  return std::nullopt;
}

}  // namespace pprun
