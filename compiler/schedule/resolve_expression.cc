// Expressions of a schedule become nodes: names are slots or constants, calls are numbers.
//
// Errors here are about names and calls alone; what depends on values is left to the evaluation, so
// that both say it in the same words. Tests: resolve_schedule_test.cc.
#include <algorithm>

#include "compiler/schedule/resolver.h"
#include "dsl/evaluator.h"

namespace pprun {

namespace {

// Deeper text would overflow the stack of a recursive evaluation.
constexpr int32_t kMostLevels = 2048;

NodeOp OpOf(ast::BinaryOperator op) {
  switch (op) {
    case ast::BinaryOperator::kAdd:
      return NodeOp::kAdd;
    case ast::BinaryOperator::kSubtract:
      return NodeOp::kSubtract;
    case ast::BinaryOperator::kMultiply:
      return NodeOp::kMultiply;
    case ast::BinaryOperator::kDivide:
      return NodeOp::kDivide;
    case ast::BinaryOperator::kRemainder:
      return NodeOp::kRemainder;
    case ast::BinaryOperator::kEqual:
      return NodeOp::kEqual;
    case ast::BinaryOperator::kNotEqual:
      return NodeOp::kNotEqual;
    case ast::BinaryOperator::kLess:
      return NodeOp::kLess;
    case ast::BinaryOperator::kLessEqual:
      return NodeOp::kLessEqual;
    case ast::BinaryOperator::kGreater:
      return NodeOp::kGreater;
    case ast::BinaryOperator::kGreaterEqual:
      return NodeOp::kGreaterEqual;
    case ast::BinaryOperator::kAnd:
      return NodeOp::kAnd;
    case ast::BinaryOperator::kOr:
      return NodeOp::kOr;
  }
  return NodeOp::kGeneral;
}

bool AllPositional(const ast::Call& call) {
  return std::none_of(call.arguments.begin(), call.arguments.end(),
                      [](const ast::Argument& argument) { return argument.name.has_value(); });
}

std::string Arguments(size_t count) {
  return std::to_string(count) + (count == 1 ? " argument" : " arguments");
}

}  // namespace

// Knows no value: through it the general evaluator words the error about a name that is missing.
class VisibleNames : public Environment {
 public:
  explicit VisibleNames(const Resolver& resolver) : resolver_(resolver) {}

  std::optional<Constant> Lookup(std::string_view) const override { return std::nullopt; }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, entries] : resolver_.visible_) {
      if (!entries.empty()) names.emplace_back(name);
    }
    for (const auto& [name, value] : resolver_.result_.constants) names.push_back(name);
    if (resolver_.place_ == Resolver::Place::kRank) names.emplace_back("pending");
    // The hash table's order is nobody's business.
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }

 private:
  const Resolver& resolver_;
};

bool Resolver::Descend(ast::Location location) {
  if (level_ < kMostLevels) {
    deepest_ = std::max(deepest_, ++level_);
    return true;
  }
  if (!too_deep_) {
    diagnostics_.Error(location, "the schedule nests deeper than the limit of " +
                                     std::to_string(kMostLevels) + " levels");
  }
  too_deep_ = true;
  return false;
}

NodeId Resolver::AddNode(Node node) {
  result_.nodes.push_back(node);
  return {static_cast<int32_t>(result_.nodes.size()) - 1};
}

NodeId Resolver::AddOperands(NodeOp op, FunctionId function, const std::vector<NodeId>& operands) {
  Node node{.op = op, .function = function};
  node.operands_begin = static_cast<uint32_t>(result_.operands.size());
  result_.operands.insert(result_.operands.end(), operands.begin(), operands.end());
  node.operands_end = static_cast<uint32_t>(result_.operands.size());
  return AddNode(node);
}

ResolvedExpression Resolver::ResolveExpression(ast::ExpressionId expression) {
  ResolvedExpression resolved{.source = expression, .scope = scope_};
  size_t before = result_.nodes.size();
  resolved.node = ResolveNode(expression);
  resolved.size = static_cast<int32_t>(result_.nodes.size() - before);
  return resolved;
}

ResolvedExpression Resolver::ResolveGeneral(ast::ExpressionId expression) {
  // The nodes are thrown away: resolving reports unknown names, whether or not the text is reached.
  ResolvedExpression resolved = ResolveExpression(expression);
  resolved.node = AddNode({.op = NodeOp::kGeneral});
  return resolved;
}

NodeId Resolver::ResolveNode(ast::ExpressionId id) {
  const ast::Expression& expression = program_[id];
  if (!Descend(expression.location)) return AddNode({});
  struct Visitor {
    Resolver& resolver;
    ast::ExpressionId id;
    ast::Location location;

    NodeId operator()(const ast::IntegerLiteral& literal) {
      return resolver.AddNode({.op = NodeOp::kConstant, .constant = IntegerWord(literal.value)});
    }
    NodeId operator()(const ast::SizeLiteral& literal) {
      return resolver.AddNode({.op = NodeOp::kConstant, .constant = IntegerWord(literal.bytes)});
    }
    NodeId operator()(const ast::FloatLiteral& literal) {
      return resolver.AddNode({.op = NodeOp::kConstant, .constant = FloatWord(literal.value)});
    }
    NodeId operator()(const ast::BooleanLiteral& literal) {
      return resolver.AddNode({.op = NodeOp::kConstant, .constant = BooleanWord(literal.value)});
    }
    NodeId operator()(const ast::StringLiteral&) { return resolver.AddNode({}); }
    NodeId operator()(const ast::Reference& reference) {
      return resolver.ResolveReference(id, reference);
    }
    NodeId operator()(const ast::Unary& unary) {
      NodeOp op = unary.op == ast::UnaryOperator::kNegate ? NodeOp::kNegate : NodeOp::kNot;
      return resolver.AddNode({.op = op, .a = resolver.ResolveNode(unary.operand)});
    }
    NodeId operator()(const ast::Binary& binary) {
      NodeId left = resolver.ResolveNode(binary.left);
      NodeId right = resolver.ResolveNode(binary.right);
      return resolver.AddNode({.op = OpOf(binary.op), .a = left, .b = right});
    }
    NodeId operator()(const ast::Conditional& conditional) {
      NodeId condition = resolver.ResolveNode(conditional.condition);
      NodeId then = resolver.ResolveNode(conditional.then);
      NodeId otherwise = resolver.ResolveNode(conditional.otherwise);
      return resolver.AddNode(
          {.op = NodeOp::kConditional, .a = condition, .b = then, .c = otherwise});
    }
    NodeId operator()(const ast::Call& call) { return resolver.ResolveCallNode(call, location); }
    NodeId operator()(const ast::Tuple& tuple) {
      for (ast::ExpressionId item : tuple.items) resolver.ResolveNode(item);
      return resolver.AddNode({});
    }
  };
  NodeId node = std::visit(Visitor{*this, id, expression.location}, expression.node);
  Ascend();
  return node;
}

NodeId Resolver::ResolveReference(ast::ExpressionId id, const ast::Reference& reference) {
  const std::string& name = reference.name;
  auto found = visible_.find(name);
  if (found != visible_.end() && !found->second.empty()) {
    const ScopeEntry& entry = result_.scopes[static_cast<size_t>(found->second.back())];
    NodeOp op = entry.space == ScopeEntry::Space::kLocal ? NodeOp::kLocal : NodeOp::kGlobal;
    return AddNode({.op = op, .slot = entry.slot});
  }
  auto constant = result_.constants.find(name);
  if (constant != result_.constants.end()) {
    Word word = ToWord(constant->second);
    if (word.kind == WordKind::kNone) return AddNode({});
    return AddNode({.op = NodeOp::kConstant, .constant = word});
  }
  ast::Location location = program_[id].location;
  if (place_ == Place::kRank && name == "pending") return AddNode({.op = NodeOp::kPending});
  if (name == "oldest") {
    diagnostics_.Error(location, "`oldest` stands only in `weight_grad(oldest)`");
  } else if (TaskKindNamed(name)) {
    diagnostics_.Error(location, "`" + name + "` is a task, not a value");
  } else if (functions_.contains(name)) {
    diagnostics_.Error(location, "`" + name + "` is a function; call it, `" + name + "(...)`");
  } else {
    ReportUnknownName(id);
  }
  return AddNode({});
}

void Resolver::ReportUnknownName(ast::ExpressionId expression) {
  VisibleNames names(*this);
  Evaluate(program_, expression, names, diagnostics_);
}

void Resolver::ReportUnknownFunction(const ast::Name& name) {
  if (diagnostics_.Full()) {
    diagnostics_.Error(name.location, "unknown function");
    return;
  }
  std::vector<std::string> known = {"min", "max", "ceil", "floor", "left"};
  for (const ast::Function& function : definition_.functions) known.push_back(function.name.text);
  for (int kind = 0; kind < kTaskKindCount; ++kind) {
    known.emplace_back(CallName(static_cast<TaskKind>(kind)));
  }
  Diagnostic& error = diagnostics_.Error(name.location, "unknown function `" + name.text + "`");
  std::string nearest = DidYouMean(name.text, known);
  if (!nearest.empty()) error.Note(name.location, "did you mean `" + nearest + "`?");
}

NodeId Resolver::ResolveCallNode(const ast::Call& call, ast::Location location) {
  const std::string& name = call.callee.text;
  auto user = functions_.find(name);
  if (user != functions_.end()) return ResolveFunctionCall(call, user->second, location);
  if (name == "left" && place_ == Place::kRank) return ResolveLeft(call, location);
  if (TaskKindNamed(name)) {
    diagnostics_.Error(location, "`" + name + "` is a task, not a value");
    return AddNode({});
  }
  std::vector<NodeId> operands;
  for (const ast::Argument& argument : call.arguments) {
    operands.push_back(ResolveNode(argument.value));
  }
  if (name == "min" || name == "max") {
    if (operands.empty() || !AllPositional(call)) return AddNode({});
    return AddOperands(name == "min" ? NodeOp::kMinimum : NodeOp::kMaximum, {}, operands);
  }
  if (name != "ceil" && name != "floor") ReportUnknownFunction(call.callee);
  return AddNode({});
}

NodeId Resolver::ResolveLeft(const ast::Call& call, ast::Location location) {
  bool chunk_named = call.arguments.size() == 2 && call.arguments[1].name;
  if (call.arguments.empty() || call.arguments.size() > 2 || call.arguments[0].name ||
      (chunk_named && call.arguments[1].name->text != "chunk")) {
    diagnostics_.Error(location, "`left` takes a task and a chunk, as in `left(forward, 0)`");
    return AddNode({});
  }
  const ast::Expression& task = program_[call.arguments[0].value];
  const auto* reference = std::get_if<ast::Reference>(&task.node);
  std::optional<TaskKind> kind;
  if (reference != nullptr) kind = TaskKindNamed(reference->name);
  if (!kind || *kind == TaskKind::kRecompute) {
    diagnostics_.Error(task.location,
                       "the first argument of `left` is one of `forward`, "
                       "`backward`, `input_grad` and `weight_grad`");
    return AddNode({});
  }
  NodeId chunk;
  if (call.arguments.size() == 2) chunk = ResolveNode(call.arguments[1].value);
  return AddNode({.op = NodeOp::kLeft, .task = *kind, .a = chunk});
}

bool Resolver::HasRightArguments(const ast::Call& call, FunctionId id, ast::Location location) {
  const ast::Function& function = definition_.functions[static_cast<size_t>(id.value)];
  for (const ast::Argument& argument : call.arguments) {
    if (!argument.name) continue;
    diagnostics_
        .Error(argument.name->location,
               "arguments of `" + function.name.text + "` are given without names")
        .Note(function.name.location, "`" + function.name.text + "` is defined here");
    return false;
  }
  if (call.arguments.size() == function.parameters.size()) return true;
  diagnostics_
      .Error(location, "`" + function.name.text + "` takes " +
                           Arguments(function.parameters.size()) + ", " +
                           std::to_string(call.arguments.size()) + " given")
      .Note(function.name.location, "`" + function.name.text + "` is defined here");
  return false;
}

NodeId Resolver::ResolveFunctionCall(const ast::Call& call, FunctionId id, ast::Location location) {
  const ast::Function& function = definition_.functions[static_cast<size_t>(id.value)];
  std::vector<NodeId> operands;
  for (const ast::Argument& argument : call.arguments) {
    operands.push_back(ResolveNode(argument.value));
  }
  if (!HasRightArguments(call, id, location)) return AddNode({});
  if (!function.value.valid()) {
    diagnostics_.Error(location, "`" + function.name.text + "` runs tasks and has no value")
        .Note(function.name.location, "`" + function.name.text + "` is defined here");
    return AddNode({});
  }
  return AddOperands(NodeOp::kCall, id, operands);
}

}  // namespace pprun
