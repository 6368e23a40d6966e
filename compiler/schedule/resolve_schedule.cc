// Statements of a schedule, its functions and its scopes. Tests: resolve_schedule_test.cc.
#include <algorithm>
#include <array>

#include "compiler/plan/base/check.h"
#include "compiler/schedule/resolver.h"
#include "dsl/evaluator.h"
#include "dsl/scope.h"

namespace pprun {

namespace {

const ast::ScheduleDefinition& Definition(const CheckedProgram& program) {
  CHECK(program.schedule.definition >= 0);
  return program.program.schedules[static_cast<size_t>(program.schedule.definition)];
}

// The file's lets, as the checker evaluated them: each sees the ones above it.
class FileLets : public Environment {
 public:
  explicit FileLets(const Constants& values) : values_(values) {}

  std::optional<Constant> Lookup(std::string_view name) const override {
    auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) names.push_back(name);
    return names;
  }

 private:
  const Constants& values_;
};

void DefineFileLets(const ast::Program& program, Constants& values, Diagnostics& diagnostics) {
  FileLets environment(values);
  for (const ast::Setting& let : program.lets) {
    values.emplace(let.name.text, Evaluate(program, let.value, environment, diagnostics));
  }
}

// Names that a schedule may not give a meaning of its own.
constexpr std::array<std::string_view, 7> kBuiltIn = {"min",  "max",     "ceil",  "floor",
                                                      "left", "pending", "oldest"};

bool IsBuiltIn(std::string_view name) {
  return std::find(kBuiltIn.begin(), kBuiltIn.end(), name) != kBuiltIn.end();
}

bool IsOldest(const ast::Program& program, ast::ExpressionId expression) {
  const auto* reference = std::get_if<ast::Reference>(&program[expression].node);
  return reference != nullptr && reference->name == "oldest";
}

}  // namespace

Resolver::Resolver(const CheckedProgram& program, int64_t microbatches, Diagnostics& diagnostics)
    : checked_(program),
      program_(program.program),
      definition_(Definition(program)),
      diagnostics_(diagnostics) {
  DefineFileLets(program_, result_.constants, diagnostics);
  // These hide the file's lets.
  for (const CheckedAxis& axis : program.mesh) result_.constants[axis.name] = Constant{axis.size};
  result_.constants["microbatches"] = Constant{microbatches};
  for (const auto& [name, value] : program.schedule.parameters) {
    result_.constants[name] = std::visit([](auto bound) { return Constant{bound}; }, value);
  }
}

std::optional<ResolvedSchedule> Resolver::Run() {
  const int errors_before = diagnostics_.errors();
  for (const ast::Function& function : definition_.functions) {
    FunctionId id{static_cast<int32_t>(functions_.size())};
    if (ReportIfBuiltIn(function.name)) return std::nullopt;
    if (!functions_.emplace(function.name.text, id).second) {
      const FunctionId first = functions_[function.name.text];
      diagnostics_
          .Error(function.name.location, "function `" + function.name.text + "` is defined twice")
          .Note(definition_.functions[static_cast<size_t>(first.value)].name.location,
                "it is first defined here");
      return std::nullopt;
    }
  }
  for (ast::StatementId statement : definition_.preamble) {
    const auto& node = program_[statement].node;
    // The grammar has nothing else there.
    CHECK(std::holds_alternative<ast::LetStatement>(node) ||
          std::holds_alternative<ast::RequireStatement>(node));
    result_.preamble.push_back(ResolveStatement(program_[statement]));
  }
  ResolveChunks();
  for (const ast::Placement& placement : definition_.placements) ResolvePlacement(placement);
  place_ = Place::kRank;
  result_.rank_slot = Declare(RankName(), ScopeEntry::Space::kGlobal);
  result_.functions.resize(definition_.functions.size() + 1);
  for (size_t i = 0; i < definition_.functions.size(); ++i) {
    ResolveFunction(definition_.functions[i], {static_cast<int32_t>(i)});
  }
  ast::Function order{.name = definition_.name,
                      .parameters = {},
                      .value = {},
                      .body = definition_.order,
                      .location = RankName().location};
  ResolveFunction(order, result_.order());
  result_.has_order = !definition_.rank.text.empty();
  for (const ast::Greedy& greedy : definition_.greedy) ResolveGreedy(greedy);
  if (diagnostics_.errors() != errors_before) return std::nullopt;
  return std::move(result_);
}

void Resolver::ResolveFunction(const ast::Function& function, FunctionId id) {
  next_slot_ = most_slots_ = 0;
  level_ = deepest_ = 0;
  Mark mark = Enter();
  for (const ast::Name& parameter : function.parameters) {
    Declare(parameter, ScopeEntry::Space::kLocal);
  }
  const bool is_order = id.value == result_.order().value;
  // Views of the program's own names: `function` may be made up for the order.
  ResolvedFunction resolved{
      .name = is_order ? std::string_view(definition_.name.text)
                       : definition_.functions[static_cast<size_t>(id.value)].name.text,
      .parameters = static_cast<int32_t>(function.parameters.size()),
      .location = function.location};
  if (function.value.valid()) {
    resolved.value = ResolveExpression(function.value);
  } else {
    resolved.body = ResolveBlock(function.body);
  }
  Leave(mark);
  resolved.slots = most_slots_;
  resolved.levels = deepest_ + 1;
  result_.functions[static_cast<size_t>(id.value)] = std::move(resolved);
}

Resolver::Mark Resolver::Enter() {
  Mark mark{scope_, next_slot_, block_begin_};
  block_begin_ = result_.scopes.size();
  return mark;
}

void Resolver::Leave(Mark mark) {
  while (scope_ != mark.scope) {
    const ScopeEntry& entry = result_.scopes[static_cast<size_t>(scope_)];
    visible_[entry.name].pop_back();
    scope_ = entry.parent;
  }
  next_slot_ = mark.slot;
  block_begin_ = mark.block_begin;
}

bool Resolver::ReportIfBuiltIn(const ast::Name& name) {
  if (!TaskKindNamed(name.text) && !IsBuiltIn(name.text)) return false;
  diagnostics_.Error(name.location, "`" + name.text + "` is built in and cannot be defined again");
  return true;
}

int32_t Resolver::Declare(const ast::Name& name, ScopeEntry::Space space) {
  if (!ReportIfBuiltIn(name)) ReportIfFixed(name, diagnostics_);
  std::vector<int32_t>& entries = visible_[name.text];
  if (!entries.empty() && static_cast<size_t>(entries.back()) >= block_begin_) {
    diagnostics_.Error(name.location, "`" + name.text + "` is set twice")
        .Note(result_.scopes[static_cast<size_t>(entries.back())].location, "it is first set here");
  }
  int32_t slot = space == ScopeEntry::Space::kGlobal ? result_.globals++ : next_slot_++;
  most_slots_ = std::max(most_slots_, next_slot_);
  result_.scopes.push_back({.space = space,
                            .name = name.text,
                            .slot = slot,
                            .parent = scope_,
                            .location = name.location});
  scope_ = static_cast<int32_t>(result_.scopes.size()) - 1;
  entries.push_back(scope_);
  return slot;
}

ResolvedStatementId Resolver::AddStatement(ResolvedStatement statement) {
  result_.statements.push_back(std::move(statement));
  return {static_cast<int32_t>(result_.statements.size()) - 1};
}

ResolvedBlock Resolver::ResolveBlock(const ast::Block& block) {
  Mark mark = Enter();
  ResolvedBlock resolved;
  for (ast::StatementId statement : block) {
    if (!Descend(program_[statement].location)) break;
    resolved.push_back(ResolveStatement(program_[statement]));
    Ascend();
  }
  Leave(mark);
  return resolved;
}

ResolvedStatementId Resolver::ResolveStatement(const ast::Statement& statement) {
  struct Visitor {
    Resolver& resolver;
    ast::Location location;

    ResolvedStatementId operator()(const ast::LetStatement& let) {
      // The value is resolved first: it does not see its own name.
      SetSlot set{.value = resolver.ResolveExpression(let.let.value)};
      set.space = resolver.place_ == Place::kPreamble ? ScopeEntry::Space::kGlobal
                                                      : ScopeEntry::Space::kLocal;
      set.slot = resolver.Declare(let.let.name, set.space);
      return resolver.AddStatement({location, std::move(set)});
    }
    ResolvedStatementId operator()(const ast::ForStatement& loop) {
      ForLoop resolved{.begin = resolver.ResolveExpression(loop.begin),
                       .end = resolver.ResolveExpression(loop.end)};
      Mark mark = resolver.Enter();
      resolved.slot = resolver.Declare(loop.variable, ScopeEntry::Space::kLocal);
      resolved.body = resolver.ResolveBlock(loop.body);
      resolver.Leave(mark);
      return resolver.AddStatement({location, std::move(resolved)});
    }
    ResolvedStatementId operator()(const ast::RepeatStatement& loop) {
      RepeatLoop resolved{.count = resolver.ResolveExpression(loop.count)};
      resolved.body = resolver.ResolveBlock(loop.body);
      return resolver.AddStatement({location, std::move(resolved)});
    }
    ResolvedStatementId operator()(const ast::IfStatement& branch) {
      Branch resolved{.condition = resolver.ResolveExpression(branch.condition)};
      resolved.then = resolver.ResolveBlock(branch.then);
      resolved.otherwise = resolver.ResolveBlock(branch.otherwise);
      return resolver.AddStatement({location, std::move(resolved)});
    }
    ResolvedStatementId operator()(const ast::OverlapStatement& overlap) {
      return resolver.AddStatement({location, Overlap{resolver.ResolveBlock(overlap.body)}});
    }
    ResolvedStatementId operator()(const ast::RequireStatement& require) {
      Require resolved{.condition = resolver.ResolveExpression(require.condition)};
      if (require.message.valid()) resolved.message = resolver.ResolveGeneral(require.message);
      return resolver.AddStatement({location, std::move(resolved)});
    }
    ResolvedStatementId operator()(const ast::CallStatement& call) {
      return resolver.ResolveCall(call, location);
    }
  };
  return std::visit(Visitor{*this, statement.location}, statement.node);
}

ResolvedStatementId Resolver::ResolveCall(const ast::CallStatement& statement,
                                          ast::Location location) {
  const ast::Call& call = statement.call;
  CallTasks resolved;
  auto function = functions_.find(call.callee.text);
  if (function == functions_.end()) {
    if (std::optional<TaskKind> kind = TaskKindNamed(call.callee.text)) {
      return ResolveTask(call, *kind, location);
    }
    if (IsBuiltIn(call.callee.text)) {
      diagnostics_.Error(location, "`" + call.callee.text + "` has a value and runs no tasks");
    } else {
      ReportUnknownFunction(call.callee);
    }
    return AddStatement({location, std::move(resolved)});
  }
  resolved.function = function->second;
  for (const ast::Argument& argument : call.arguments) {
    resolved.arguments.push_back(ResolveExpression(argument.value));
  }
  const ast::Function& callee = definition_.functions[static_cast<size_t>(resolved.function.value)];
  if (HasRightArguments(call, resolved.function, location) && callee.value.valid()) {
    diagnostics_.Error(location, "`" + callee.name.text + "` has a value and runs no tasks")
        .Note(callee.name.location, "`" + callee.name.text + "` is defined here");
  }
  return AddStatement({location, std::move(resolved)});
}

ResolvedStatementId Resolver::ResolveTask(const ast::Call& call, TaskKind kind,
                                          ast::Location location) {
  std::string name(CallName(kind));
  IssueTask resolved{.kind = kind};
  if (kind == TaskKind::kRecompute) {
    diagnostics_.Error(location, "`recompute` is not supported as a task of a schedule");
    return AddStatement({location, std::move(resolved)});
  }
  for (const ast::Argument& argument : call.arguments) {
    if (argument.name && argument.name->text != "chunk") {
      diagnostics_
          .Error(argument.name->location,
                 "`" + name + "` has no argument named `" + argument.name->text + "`")
          .Note(location, "it takes a microbatch and a chunk, as in `" + name + "(0, chunk = 1)`");
    } else if (argument.name ? resolved.chunk.valid() : resolved.which != IssueTask::Which::kNext) {
      diagnostics_.Error(argument.location, argument.name ? "`chunk` is given twice"
                                                          : "`" + name + "` takes one microbatch");
    } else if (argument.name) {
      resolved.chunk = ResolveExpression(argument.value);
    } else if (kind == TaskKind::kWeightGrad && IsOldest(program_, argument.value)) {
      resolved.which = IssueTask::Which::kOldest;
    } else {
      resolved.which = IssueTask::Which::kIndex;
      resolved.microbatch = ResolveExpression(argument.value);
    }
  }
  return AddStatement({location, std::move(resolved)});
}

std::optional<ResolvedSchedule> ResolveSchedule(const CheckedProgram& program, int64_t microbatches,
                                                Diagnostics& diagnostics) {
  return Resolver(program, microbatches, diagnostics).Run();
}

}  // namespace pprun
