// `greedy`: its bounds and preferences, and whether its limit is a number of activations or a size.
//
// A size is known by its unit: the limit is one where its expression has a literal such as `4 GiB`,
// or uses a name whose value does: a parameter as the plan gives it or by default, a `let`, a
// function. Tests: resolve_schedule_test.cc.
#include <algorithm>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"
#include "compiler/schedule/resolver.h"

namespace pprun {

namespace {

// As deep as expressions are resolved.
constexpr int32_t kMostDepth = 2048;

}  // namespace

const ast::Name& Resolver::RankName() const {
  if (!definition_.rank.text.empty()) return definition_.rank;
  for (const ast::Greedy& greedy : definition_.greedy) {
    if (!greedy.literal.valid()) return greedy.rank;
  }
  // Every `greedy` is for one rank: functions do not speak of it.
  return definition_.rank;
}

bool Resolver::NameIsSize(const std::string& name, Names& seen, int32_t depth) const {
  // What is a size is found at once: a name seen before is none.
  if (!seen.insert(name).second) return false;
  const auto& given = program_.schedule;
  for (size_t i = 0; i < definition_.parameters.size(); ++i) {
    const ast::Argument& parameter = definition_.parameters[i];
    if (parameter.name->text != name) continue;
    ast::ExpressionId value = parameter.value;
    const bool chosen = given && given->call.callee.text == definition_.name.text;
    for (size_t j = 0; chosen && j < given->call.arguments.size(); ++j) {
      const ast::Argument& argument = given->call.arguments[j];
      if (argument.name ? argument.name->text == name : j == i) value = argument.value;
    }
    return IsSize(value, seen, depth);
  }
  for (const ast::StatementId statement : definition_.preamble) {
    const auto* let = std::get_if<ast::LetStatement>(&program_[statement].node);
    if (let != nullptr && let->let.name.text == name) return IsSize(let->let.value, seen, depth);
  }
  for (const ast::Function& function : definition_.functions) {
    if (function.name.text == name)
      return function.value.valid() && IsSize(function.value, seen, depth);
  }
  for (const ast::Setting& let : program_.lets) {
    if (let.name.text == name) return IsSize(let.value, seen, depth);
  }
  return false;
}

bool Resolver::IsSize(ast::ExpressionId expression, Names& seen, int32_t depth) const {
  if (depth > kMostDepth) return false;
  struct Visitor {
    const Resolver& resolver;
    Names& seen;
    int32_t depth;

    bool Is(ast::ExpressionId id) const { return resolver.IsSize(id, seen, depth + 1); }
    bool operator()(const ast::IntegerLiteral&) const { return false; }
    bool operator()(const ast::SizeLiteral&) const { return true; }
    bool operator()(const ast::FloatLiteral&) const { return false; }
    bool operator()(const ast::BooleanLiteral&) const { return false; }
    bool operator()(const ast::StringLiteral&) const { return false; }
    bool operator()(const ast::Reference& reference) const {
      return resolver.NameIsSize(reference.name, seen, depth + 1);
    }
    bool operator()(const ast::Unary& unary) const { return Is(unary.operand); }
    bool operator()(const ast::Binary& binary) const { return Is(binary.left) || Is(binary.right); }
    bool operator()(const ast::Conditional& conditional) const {
      return Is(conditional.then) || Is(conditional.otherwise);
    }
    bool operator()(const ast::Call& call) const {
      return resolver.NameIsSize(call.callee.text, seen, depth + 1) ||
             std::any_of(call.arguments.begin(), call.arguments.end(),
                         [&](const ast::Argument& argument) { return Is(argument.value); });
    }
    bool operator()(const ast::Tuple&) const { return false; }
  };
  return std::visit(Visitor{*this, seen, depth}, program_[expression].node);
}

void Resolver::ResolveGreedy(const ast::Greedy& greedy) {
  ResolvedGreedy resolved{.location = greedy.location};
  const Mark mark = Enter();
  if (greedy.literal.valid()) {
    resolved.rank = std::get<ast::IntegerLiteral>(program_[greedy.literal].node).value;
  } else {
    resolved.rank_slot = Declare(greedy.rank, ScopeEntry::Space::kGlobal);
  }
  for (const ast::GreedyBound& limit : greedy.limits) {
    // The checker knows no other.
    CHECK(limit.what.text == "in_flight");
    resolved.limit = ResolveExpression(limit.most);
    Names seen;
    resolved.limit_is_size = IsSize(limit.most, seen, 0);
    resolved.limit_location = limit.location;
  }
  if (greedy.search.has_value()) {
    resolved.nodes = ResolveExpression(greedy.search->most);
    resolved.nodes_location = greedy.search->location;
  }
  for (const ast::Name& kind : greedy.preferences) {
    const std::optional<TaskKind> task = TaskKindNamed(kind.text);
    CHECK(task.has_value());
    resolved.preferences.emplace_back(*task, kind.location);
  }
  Leave(mark);
  result_.greedy.push_back(std::move(resolved));
}

}  // namespace pprun
