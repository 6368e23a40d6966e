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

}  // namespace

// Names as seen from one expression. `arguments` are the values of a function's parameters where
// the general evaluator called it, and so it has no frame of words.
class FrameEnvironment : public Environment {
 public:
  FrameEnvironment(ExpressionEvaluator& evaluator, int32_t scope,
                   const std::vector<Value>* arguments)
      : evaluator_(evaluator), scope_(scope), arguments_(arguments) {}

  std::optional<Value> Lookup(std::string_view name) const override {
    const ResolvedSchedule& schedule = evaluator_.schedule_;
    for (int32_t at = scope_; at >= 0;) {
      const ScopeEntry& entry = schedule.scopes[static_cast<size_t>(at)];
      ++evaluator_.steps_;
      if (entry.name == name) return ValueOf(entry);
      at = entry.parent;
    }
    auto constant = schedule.constants.find(name);
    if (constant != schedule.constants.end()) return constant->second;
    if (name == "pending" && evaluator_.ledger_ != nullptr) {
      return Value{evaluator_.ledger_->Pending()};
    }
    return std::nullopt;
  }

  std::vector<std::string> Names() const override {
    const ResolvedSchedule& schedule = evaluator_.schedule_;
    std::vector<std::string> names;
    for (int32_t at = scope_; at >= 0;) {
      const ScopeEntry& entry = schedule.scopes[static_cast<size_t>(at)];
      names.emplace_back(entry.name);
      at = entry.parent;
    }
    for (const auto& [name, value] : schedule.constants) names.push_back(name);
    return names;
  }

  std::optional<Value> CallFunction(const ast::Call& call, ast::Location location,
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
  std::optional<Value> ValueOf(const ScopeEntry& entry) const {
    if (entry.space == ScopeEntry::Space::kGlobal) {
      return ToValue(evaluator_.globals_[static_cast<size_t>(entry.slot)]);
    }
    if (arguments_ != nullptr) return (*arguments_)[static_cast<size_t>(entry.slot)];
    return ToValue(evaluator_.stack_[evaluator_.base_ + static_cast<size_t>(entry.slot)]);
  }

  Value Left(const ast::Call& call, Diagnostics& diagnostics) {
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
      return Value{left};
    }
    const ast::ExpressionId operand = call.arguments[1].value;
    auto chunk = EvaluateInteger(program, operand, *this, diagnostics, "the chunk of `left`");
    if (!chunk) return {};
    if (*chunk < 0 || *chunk >= ledger->chunk_count()) {
      diagnostics.Error(program[operand].location, "there is no chunk " + std::to_string(*chunk) +
                                                       ": a rank has " +
                                                       std::to_string(ledger->chunk_count()));
      return {};
    }
    return Value{ledger->Left(kind, static_cast<int32_t>(*chunk))};
  }

  Value Call(FunctionId function, const ast::Call& call, ast::Location location,
             Diagnostics& diagnostics) {
    const ResolvedFunction& callee = evaluator_.schedule_[function];
    std::vector<Value> arguments;
    for (const ast::Argument& argument : call.arguments) {
      arguments.push_back(Evaluate(evaluator_.program_, argument.value, *this, diagnostics));
      if (arguments.back().IsError()) return {};
    }
    evaluator_.steps_ += callee.value.size * kGeneralSteps;
    if (evaluator_.OutOfSteps()) return {};
    if (!evaluator_.Nest(function)) {
      diagnostics.Error(location, "calls of functions nest deeper than the limit of " +
                                      std::to_string(kMostCalls));
      return {};
    }
    FrameEnvironment inside(evaluator_, callee.value.scope, &arguments);
    Value result = Evaluate(evaluator_.program_, callee.value.source, inside, diagnostics);
    --evaluator_.calls_;
    evaluator_.levels_ -= callee.levels;
    return result;
  }

  ExpressionEvaluator& evaluator_;
  int32_t scope_;
  const std::vector<Value>* arguments_;
};

Value ExpressionEvaluator::General(const ResolvedExpression& expression, Diagnostics& diagnostics) {
  steps_ += expression.size * kGeneralSteps;
  FrameEnvironment environment(*this, expression.scope, nullptr);
  return Evaluate(program_, expression.source, environment, diagnostics);
}

std::optional<int64_t> ExpressionEvaluator::Integer(const ResolvedExpression& expression,
                                                    std::string_view what,
                                                    Diagnostics& diagnostics) {
  Word word = Fast(expression.node);
  if (word.kind == WordKind::kInteger) return word.bits;
  if (OutOfSteps()) return std::nullopt;
  steps_ += expression.size * kGeneralSteps;
  FrameEnvironment environment(*this, expression.scope, nullptr);
  return EvaluateInteger(program_, expression.source, environment, diagnostics, what);
}

std::optional<bool> ExpressionEvaluator::Boolean(const ResolvedExpression& expression,
                                                 std::string_view what, Diagnostics& diagnostics) {
  Word word = Fast(expression.node);
  if (word.kind == WordKind::kBoolean) return word.bits != 0;
  if (OutOfSteps()) return std::nullopt;
  steps_ += expression.size * kGeneralSteps;
  FrameEnvironment environment(*this, expression.scope, nullptr);
  return EvaluateBoolean(program_, expression.source, environment, diagnostics, what);
}

}  // namespace pprun
