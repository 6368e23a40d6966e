// The general path of ExpressionEvaluator: the evaluator of dsl/evaluator.h, seeing the names and
// functions of a running schedule. It is rare, or the last thing before an error. Tests:
// expression_evaluator_test.cc.
#include <algorithm>
#include <string>
#include <utility>

#include "compiler/schedule/expression_evaluator.h"

namespace pprun {

namespace {

// The general evaluator takes this many times longer for a node; steps stand for time.
constexpr int64_t kGeneralSteps = 8;

// More of them would hide what matters.
constexpr size_t kMostNamesListed = 8;

}  // namespace

// Names as seen from one expression. `arguments` are the values of a function's parameters where
// the general evaluator called it, and so it has no frame of words.
class FrameEnvironment : public Environment {
 public:
  FrameEnvironment(ExpressionEvaluator& evaluator, const ResolvedExpression& expression,
                   const std::vector<Constant>* arguments, Diagnostics& diagnostics)
      : evaluator_(evaluator),
        expression_(expression),
        arguments_(arguments),
        diagnostics_(diagnostics) {}

  std::optional<Constant> Lookup(std::string_view name) const override {
    const ResolvedSchedule& schedule = evaluator_.schedule_;
    for (int32_t at = expression_.scope; at >= 0;) {
      const ScopeEntry& entry = schedule.scopes[static_cast<size_t>(at)];
      ++evaluator_.steps_;
      if (entry.name == name) return ValueOf(entry);
      at = entry.parent;
    }
    auto constant = schedule.constants.find(name);
    if (constant != schedule.constants.end()) return constant->second;
    if (name == "pending" && evaluator_.ledger_ != nullptr) {
      return Constant{evaluator_.ledger_->Pending()};
    }
    return std::nullopt;
  }

  std::vector<std::string> Names() const override {
    const ResolvedSchedule& schedule = evaluator_.schedule_;
    std::vector<std::string> names;
    for (int32_t at = expression_.scope; at >= 0;) {
      const ScopeEntry& entry = schedule.scopes[static_cast<size_t>(at)];
      names.emplace_back(entry.name);
      at = entry.parent;
    }
    for (const auto& [name, value] : schedule.constants) names.push_back(name);
    return names;
  }

  std::optional<Constant> CallFunction(const ast::Call& call, ast::Location location,
                                       Diagnostics& diagnostics) override {
    if (call.callee.text == "left") return Left(call, diagnostics);
    const std::vector<ResolvedFunction>& functions = evaluator_.schedule_.functions;
    // The last one is the order, which nobody calls.
    for (size_t i = 0; i + 1 < functions.size(); ++i) {
      if (functions[i].name == call.callee.text) {
        return Call({static_cast<int32_t>(i)}, call, location, diagnostics);
      }
    }
    return std::nullopt;
  }

 private:
  Constant ValueOf(const ScopeEntry& entry) const {
    std::optional<Constant> value;
    if (entry.space == ScopeEntry::Space::kGlobal) {
      value = ToValue(evaluator_.globals_[static_cast<size_t>(entry.slot)]);
    } else if (arguments_ != nullptr) {
      return (*arguments_)[static_cast<size_t>(entry.slot)];
    } else {
      value = ToValue(evaluator_.stack_[evaluator_.base_ + static_cast<size_t>(entry.slot)]);
    }
    if (value) return *value;
    // A function called by a `let` above the one that sets the name.
    diagnostics_.Error(evaluator_.program_[expression_.source].location,
                       "`" + std::string(entry.name) + "` is not set yet where this is used");
    return {};
  }

  Constant Left(const ast::Call& call, Diagnostics& diagnostics) {
    const ast::Program& program = evaluator_.program_;
    const RankLedger* ledger = evaluator_.ledger_;
    if (ledger == nullptr) {
      diagnostics.Error(call.callee.location, "`left` is known only while an order runs");
      return {};
    }
    const auto& task = std::get<ast::Reference>(program[call.arguments[0].value].node);
    const TaskKind kind = *TaskKindNamed(task.name);
    int64_t left = 0;
    if (call.arguments.size() == 1) {
      for (int32_t chunk = 0; chunk < ledger->chunk_count(); ++chunk) {
        left += ledger->Left(kind, chunk);
      }
      return Constant{left};
    }
    const ast::ExpressionId operand = call.arguments[1].value;
    auto chunk = EvaluateInteger(program, operand, *this, diagnostics, "the chunk of `left`");
    if (!chunk) return {};
    if (*chunk < 0 || *chunk >= ledger->chunk_count()) {
      diagnostics.Error(program[operand].location, "rank " + std::to_string(ledger->rank()) +
                                                       " has no chunk " + std::to_string(*chunk));
      return {};
    }
    return Constant{ledger->Left(kind, static_cast<int32_t>(*chunk))};
  }

  Constant Call(FunctionId function, const ast::Call& call, ast::Location location,
                Diagnostics& diagnostics) {
    const ResolvedFunction& callee = evaluator_.schedule_[function];
    std::vector<Constant> arguments;
    for (const ast::Argument& argument : call.arguments) {
      arguments.push_back(Evaluate(evaluator_.program_, argument.value, *this, diagnostics));
      if (arguments.back().IsError()) return {};
    }
    evaluator_.steps_ += callee.value.size * kGeneralSteps;
    if (evaluator_.OutOfSteps() || evaluator_.too_deep_) return {};
    if (!evaluator_.Nest(function)) {
      evaluator_.too_deep_ = true;
      diagnostics.Error(location, "calls of functions nest deeper than the limit of " +
                                      std::to_string(kMostCalls));
      return {};
    }
    FrameEnvironment inside(evaluator_, callee.value, &arguments, diagnostics);
    Constant result = Evaluate(evaluator_.program_, callee.value.source, inside, diagnostics);
    --evaluator_.calls_;
    evaluator_.levels_ -= callee.levels;
    return result;
  }

  ExpressionEvaluator& evaluator_;
  const ResolvedExpression& expression_;
  const std::vector<Constant>* arguments_;
  Diagnostics& diagnostics_;
};

// Collects the names of an expression and their values, each once, in the order of the text.
struct NameValues {
  const ast::Program& program;
  FrameEnvironment& environment;
  std::vector<std::string> seen;
  std::string text;

  void Visit(ast::ExpressionId id) {
    if (seen.size() < kMostNamesListed) std::visit(*this, program[id].node);
  }
  void operator()(const ast::Reference& reference) {
    if (std::find(seen.begin(), seen.end(), reference.name) != seen.end()) return;
    seen.push_back(reference.name);
    std::optional<Constant> value = environment.Lookup(reference.name);
    if (!value || value->IsError()) return;
    text += (text.empty() ? "`" : ", `") + reference.name + "` is " + ToString(*value);
  }
  void operator()(const ast::Unary& unary) { Visit(unary.operand); }
  void operator()(const ast::Binary& binary) {
    Visit(binary.left);
    Visit(binary.right);
  }
  void operator()(const ast::Conditional& conditional) {
    Visit(conditional.condition);
    Visit(conditional.then);
    Visit(conditional.otherwise);
  }
  void operator()(const ast::Call& call) {
    for (const ast::Argument& argument : call.arguments) Visit(argument.value);
  }
  void operator()(const ast::Tuple& tuple) {
    for (ast::ExpressionId item : tuple.items) Visit(item);
  }
  void operator()(const ast::IntegerLiteral&) {}
  void operator()(const ast::SizeLiteral&) {}
  void operator()(const ast::FloatLiteral&) {}
  void operator()(const ast::BooleanLiteral&) {}
  void operator()(const ast::StringLiteral&) {}
};

Constant ExpressionEvaluator::General(const ResolvedExpression& expression,
                                      Diagnostics& diagnostics) {
  steps_ += expression.size * kGeneralSteps;
  too_deep_ = false;
  FrameEnvironment environment(*this, expression, nullptr, diagnostics);
  return Evaluate(program_, expression.source, environment, diagnostics);
}

std::string ExpressionEvaluator::NamesIn(const ResolvedExpression& expression) {
  Diagnostics ignored;
  FrameEnvironment environment(*this, expression, nullptr, ignored);
  NameValues values{program_, environment, {}, {}};
  values.Visit(expression.source);
  return values.text;
}

std::optional<int64_t> ExpressionEvaluator::Integer(const ResolvedExpression& expression,
                                                    std::string_view what,
                                                    Diagnostics& diagnostics) {
  Word word = Fast(expression.node);
  if (word.kind == WordKind::kInteger) return word.bits;
  if (OutOfSteps()) return std::nullopt;
  steps_ += expression.size * kGeneralSteps;
  too_deep_ = false;
  FrameEnvironment environment(*this, expression, nullptr, diagnostics);
  return EvaluateInteger(program_, expression.source, environment, diagnostics, what);
}

std::optional<bool> ExpressionEvaluator::Boolean(const ResolvedExpression& expression,
                                                 std::string_view what, Diagnostics& diagnostics) {
  Word word = Fast(expression.node);
  if (word.kind == WordKind::kBoolean) return word.bits != 0;
  if (OutOfSteps()) return std::nullopt;
  steps_ += expression.size * kGeneralSteps;
  too_deep_ = false;
  FrameEnvironment environment(*this, expression, nullptr, diagnostics);
  return EvaluateBoolean(program_, expression.source, environment, diagnostics, what);
}

}  // namespace pprun
