// Evaluates expressions to values, at compile time: integers (64 bits, overflow is an error), sizes
// in bytes (integers), floats, booleans, strings and tuples. `/` and `%` on integers round down.
// Arithmetic on an integer and a float gives a float. Functions: min, max, ceil, floor, and what
// the environment adds.
//
// An expression that is wrong reports one error and yields kError, which spreads silently. Tests:
// evaluator_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostics.h"

namespace pprun {

struct ErrorValue {
  bool operator==(const ErrorValue&) const = default;
};

struct Constant {
  std::variant<ErrorValue, int64_t, double, bool, std::string, std::vector<Constant>> data;

  bool IsError() const { return std::holds_alternative<ErrorValue>(data); }
  bool operator==(const Constant&) const = default;
};

// "an integer", "a float", ... for messages.
std::string_view Describe(const Constant& value);
std::string ToString(const Constant& value);

// Where names come from. The checker and the schedule's evaluation each have one.
class Environment {
 public:
  virtual ~Environment() = default;
  // The value of a name; empty if unknown.
  virtual std::optional<Constant> Lookup(std::string_view name) const = 0;
  // All names in scope, for "did you mean".
  virtual std::vector<std::string> Names() const = 0;
  // Functions beyond the built-in ones: empty if there is none of that name. May report errors
  // itself.
  virtual std::optional<Constant> CallFunction(const ast::Call& call, ast::Location location,
                                               Diagnostics& diagnostics) {
    static_cast<void>(call), static_cast<void>(location), static_cast<void>(diagnostics);
    return std::nullopt;
  }
};

Constant Evaluate(const ast::Program& program, ast::ExpressionId expression,
                  Environment& environment, Diagnostics& diagnostics);

// Evaluate, and require the kind; empty after reporting otherwise. `what` names the thing for the
// message: "the microbatch of `forward`".
std::optional<int64_t> EvaluateInteger(const ast::Program& program, ast::ExpressionId expression,
                                       Environment& environment, Diagnostics& diagnostics,
                                       std::string_view what);
std::optional<bool> EvaluateBoolean(const ast::Program& program, ast::ExpressionId expression,
                                    Environment& environment, Diagnostics& diagnostics,
                                    std::string_view what);

}  // namespace pprun
