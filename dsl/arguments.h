// Matches the arguments of a call with the parameters that the callee has, and reads their values.
// Tests: checker_test.cc.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostics.h"
#include "dsl/scope.h"

namespace pprun {

struct CallParameter {
  enum class Need : uint8_t { kOptional, kRequired };

  std::string name;
  Need need = Need::kOptional;
};

// The values given, one a parameter; invalid where there is none.
using BoundArguments = std::vector<ast::ExpressionId>;

// Empty after reporting one error: an unknown, repeated, missing or surplus argument. `callee` is
// as messages show it, without backticks.
std::optional<BoundArguments> BindArguments(std::string_view callee, ast::Location location,
                                            const std::vector<ast::Argument>& arguments,
                                            const std::vector<CallParameter>& parameters,
                                            Diagnostics& diagnostics);

// The names that an expression speaks of, in the order in which they stand.
std::vector<std::string> NamesIn(const ast::Program& program, ast::ExpressionId id);

// "`", text, "`".
std::string Code(std::string_view text);

// Inclusive bounds of an integer.
struct IntegerRange {
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
};

// Reads values of a kind, each empty after reporting one error; what a wrong value was computed
// from is distrusted then. `what` names the value in messages, as code: heads, `train.batch`.
class ValueReader {
 public:
  ValueReader(const ast::Program& program, Scope& scope, Diagnostics& diagnostics)
      : program_(program), scope_(scope), diagnostics_(diagnostics) {}

  std::optional<int64_t> Integer(ast::ExpressionId id, std::string_view what, IntegerRange range);
  // Accepts integers too.
  std::optional<double> Float(ast::ExpressionId id, std::string_view what, double least,
                              double most = std::numeric_limits<double>::max());
  std::optional<bool> Boolean(ast::ExpressionId id, std::string_view what);
  std::optional<std::string> String(ast::ExpressionId id, std::string_view what);
  // A plain word out of `choices`, which is not looked up as a name.
  std::optional<std::string> Word(ast::ExpressionId id, std::string_view what,
                                  const std::vector<std::string>& choices);
  // A plain word, any.
  std::optional<std::string> Name(ast::ExpressionId id, std::string_view what);
  std::optional<Constant> Any(ast::ExpressionId id);

  // Adds "`heads` is set here" where the expression is nothing but a name set elsewhere.
  void NoteWhereSet(ast::ExpressionId id, Diagnostic& diagnostic) const;

  // What the expression names is wrong, as was just reported (Scope::Distrust).
  void Distrust(ast::ExpressionId id);

  Scope& scope() { return scope_; }
  ast::Location Place(ast::ExpressionId id) const { return program_[id].location; }

 private:
  // Reports that the value is not `expected`, "an integer".
  void WrongKind(ast::ExpressionId id, std::string_view what, const Constant& value,
                 std::string_view expected);

  const ast::Program& program_;
  Scope& scope_;
  Diagnostics& diagnostics_;
};

}  // namespace pprun
