// The state of ResolveSchedule: which names are visible where, and the schedule resolved so far.
// Private to the resolve_*.cc files.
//
// Scopes nest as blocks do. An inner name hides an outer one; two of a name in one block are an
// error. Functions see what the schedule declares before its order, and the rank; not the order's
// own names. Tests: resolve_schedule_test.cc.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/schedule/resolved_schedule.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"

namespace pprun {

class Resolver {
 public:
  Resolver(const CheckedProgram& program, int64_t microbatches, Diagnostics& diagnostics);
  std::optional<ResolvedSchedule> Run();

 private:
  // What a piece of the schedule may speak of: preamble and placements are evaluated before a rank
  // runs.
  enum class Place { kPreamble, kRank };

  // A block's names vanish with it, and its slots are used again.
  struct Mark {
    int32_t scope;
    int32_t slot;
    size_t block_begin;
  };

  // resolve_schedule.cc
  ResolvedBlock ResolveBlock(const ast::Block& block);
  ResolvedStatementId ResolveStatement(const ast::Statement& statement);
  ResolvedStatementId ResolveCall(const ast::CallStatement& statement, ast::Location location);
  ResolvedStatementId ResolveTask(const ast::Call& call, TaskKind kind, ast::Location location);
  ResolvedStatementId AddStatement(ResolvedStatement statement);
  void ResolveFunction(const ast::Function& function, FunctionId id);
  Mark Enter();
  void Leave(Mark mark);
  int32_t Declare(const ast::Name& name, ScopeEntry::Space space);

  // resolve_placement.cc
  void ResolveChunks();
  void ResolvePlacement(const ast::Placement& placement);

  // resolve_greedy.cc
  void ResolveGreedy(const ast::Greedy& greedy);
  // Whether the expression speaks of a size with a unit, itself or through names that it uses.
  using Names = std::unordered_set<std::string>;
  bool IsSize(ast::ExpressionId expression, Names& seen, int32_t depth) const;
  bool NameIsSize(const std::string& name, Names& seen, int32_t depth) const;
  // The name by which functions know the rank.
  const ast::Name& RankName() const;

  // resolve_expression.cc
  ResolvedExpression ResolveExpression(ast::ExpressionId expression);
  // For what only the general evaluator reads: a message.
  ResolvedExpression ResolveGeneral(ast::ExpressionId expression);
  NodeId ResolveNode(ast::ExpressionId expression);
  NodeId ResolveReference(ast::ExpressionId expression, const ast::Reference& reference);
  NodeId ResolveCallNode(const ast::Call& call, ast::Location location);
  NodeId ResolveLeft(const ast::Call& call, ast::Location location);
  NodeId ResolveFunctionCall(const ast::Call& call, FunctionId function, ast::Location location);
  bool HasRightArguments(const ast::Call& call, FunctionId function, ast::Location location);
  NodeId AddNode(Node node);
  NodeId AddOperands(NodeOp op, FunctionId function, const std::vector<NodeId>& operands);
  void ReportUnknownName(ast::ExpressionId expression);
  bool ReportIfBuiltIn(const ast::Name& name);
  void ReportUnknownFunction(const ast::Name& name);

  // Counts how deep the text nests: false, after one error, where it passes the bound.
  bool Descend(ast::Location location);
  void Ascend() { --level_; }

  friend class VisibleNames;

  const CheckedProgram& checked_;
  const ast::Program& program_;
  const ast::ScheduleDefinition& definition_;
  Diagnostics& diagnostics_;
  ResolvedSchedule result_;
  std::unordered_map<std::string_view, std::vector<int32_t>> visible_;  // scope entries, inner last
  std::unordered_map<std::string_view, FunctionId> functions_;
  Place place_ = Place::kPreamble;
  int32_t scope_ = -1;
  size_t block_begin_ = 0;  // first scope entry of this block
  int32_t next_slot_ = 0;
  int32_t most_slots_ = 0;
  int32_t level_ = 0;
  int32_t deepest_ = 0;
  bool too_deep_ = false;
};

}  // namespace pprun
