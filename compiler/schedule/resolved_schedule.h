// A schedule with its names resolved: every reference is a slot, every call a function's number, so
// that running it looks nothing up.
//
// What holds after ResolveSchedule: every name is known where it stands, calls have the right
// number of arguments, tasks are issued only by statements, values are used only in expressions.
// Tests: resolve_schedule_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/task_kind.h"
#include "compiler/schedule/task_names.h"
#include "compiler/schedule/word.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"

namespace pprun {

// ---- expressions -------------------------------------------------------------------------------

struct NodeId {
  int32_t value = -1;
  bool valid() const { return value >= 0; }
};
struct FunctionId {
  int32_t value = -1;
};

enum class NodeOp : uint8_t {
  kConstant,
  kLocal,    // slot: of the running function's frame
  kGlobal,   // slot
  kPending,  // weight gradients owed on this rank
  kLeft,     // a: chunk, or invalid for all; task
  kNegate,
  kNot,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kConditional,  // a ? b : c
  kMinimum,      // operands
  kMaximum,      // operands
  kCall,         // operands, function
  kGeneral,      // what words cannot hold: the general evaluator computes the whole expression
};

// One flat struct rather than a variant: evaluation is the inner loop of every schedule.
struct Node {
  NodeOp op = NodeOp::kGeneral;
  TaskKind task = TaskKind::kForward;
  NodeId a{}, b{}, c{};
  int32_t slot = 0;
  FunctionId function{};
  uint32_t operands_begin = 0, operands_end = 0;  // in ResolvedSchedule::operands
  Word constant{};
};

// Names visible at a place: a chain of entries towards the outermost. -1 ends it.
struct ScopeEntry {
  enum class Space : uint8_t { kLocal, kGlobal } space = Space::kLocal;
  std::string_view name;
  int32_t slot = 0;
  int32_t parent = -1;
  ast::Location location{};  // where it is set
};

// A whole expression of the text. `source` and `scope` are what the general evaluator needs.
struct ResolvedExpression {
  NodeId node{};
  ast::ExpressionId source{};
  int32_t scope = -1;
  int32_t size = 0;  // nodes
  bool valid() const { return node.valid(); }
};

// ---- statements --------------------------------------------------------------------------------

struct ResolvedStatementId {
  int32_t value = -1;
};
using ResolvedBlock = std::vector<ResolvedStatementId>;

struct SetSlot {
  ScopeEntry::Space space = ScopeEntry::Space::kLocal;
  int32_t slot = 0;
  ResolvedExpression value{};
};
struct ForLoop {
  int32_t slot = 0;
  ResolvedExpression begin{}, end{};
  ResolvedBlock body{};
};
struct RepeatLoop {
  ResolvedExpression count{};
  ResolvedBlock body{};
};
struct Branch {
  ResolvedExpression condition{};
  ResolvedBlock then{}, otherwise{};
};
struct Overlap {
  ResolvedBlock body;
};
struct Require {
  ResolvedExpression condition{};
  ResolvedExpression message{};  // invalid: none
};
struct IssueTask {
  enum class Which : uint8_t { kIndex, kNext, kOldest } which = Which::kNext;
  TaskKind kind = TaskKind::kForward;
  ResolvedExpression microbatch{};  // of kIndex
  ResolvedExpression chunk{};       // invalid: chunk 0, or for kOldest any
};
struct CallTasks {
  FunctionId function;
  std::vector<ResolvedExpression> arguments;
};

struct ResolvedStatement {
  ast::Location location;
  std::variant<SetSlot, ForLoop, RepeatLoop, Branch, Overlap, Require, IssueTask, CallTasks> node;
};

// `place chunk c on rank r as stage STAGE of pipe PIPE;`. Its names are global slots of their own.
struct ResolvedPlace {
  ResolvedExpression stage{};
  ResolvedExpression pipe{};  // invalid: pipe 0
};
struct ResolvedPlacement {
  std::optional<int64_t> chunk;  // the one that is placed; empty: all
  int32_t chunk_slot = -1;       // where all are placed
  int32_t rank_slot = 0;
  std::vector<ResolvedPlace> places{};  // one, or as many as every clause that has several
  ast::Location location{};

  const ResolvedPlace& operator[](size_t alternative) const {
    return places[places.size() == 1 ? 0 : alternative];
  }
};

// `greedy on rank r { ... }`: its bounds see what an order sees.
struct ResolvedGreedy {
  std::optional<int64_t> rank;  // empty: every one
  int32_t rank_slot = -1;       // where it is every one: a global slot of its own
  ResolvedExpression limit{};   // of what is in flight; invalid: none
  // The limit is a size: bytes of activations rather than their number.
  bool limit_is_size = false;
  ast::Location limit_location{};
  ResolvedExpression nodes{};  // of its search; invalid: none
  ast::Location nodes_location{};
  std::vector<std::pair<TaskKind, ast::Location>> preferences{};
  ast::Location location{};
};

// ---- the whole ---------------------------------------------------------------------------------

// Arguments fill the first slots of a frame.
struct ResolvedFunction {
  std::string_view name;
  int32_t parameters = 0;
  int32_t slots = 0;           // of a frame
  int32_t levels = 1;          // how deep evaluating it nests, without what it calls
  ResolvedExpression value{};  // valid: a function of values; else of tasks
  ResolvedBlock body{};
  ast::Location location{};
};

using Constants = std::map<std::string, Constant, std::less<>>;

struct ResolvedSchedule {
  std::vector<Node> nodes;
  std::vector<NodeId> operands;
  std::vector<ScopeEntry> scopes;
  std::vector<ResolvedStatement> statements;
  std::vector<ResolvedFunction> functions;  // in the order of the definition; the last is the order
  ResolvedBlock preamble;
  std::vector<ResolvedPlacement> placements;
  std::vector<ResolvedGreedy> greedy;
  bool has_order = true;  // `order on rank r`, for ranks without a `greedy`
  // The schedule's parameter or `let` of the name `chunks`, and its place; invalid if it has none.
  NodeId chunks{};
  ast::Location chunks_location{};
  int32_t globals = 0;
  int32_t rank_slot = 0;  // global: the rank
  // Names fixed before the schedule starts: mesh axes, `microbatches`, parameters, the file's lets.
  Constants constants;

  const Node& operator[](NodeId id) const { return nodes[static_cast<size_t>(id.value)]; }
  const ResolvedStatement& operator[](ResolvedStatementId id) const {
    return statements[static_cast<size_t>(id.value)];
  }
  const ResolvedFunction& operator[](FunctionId id) const {
    return functions[static_cast<size_t>(id.value)];
  }
  // What orders a rank in place of the order; null: the order does.
  const ResolvedGreedy* GreedyOf(int32_t rank) const {
    const ResolvedGreedy* all = nullptr;
    for (const ResolvedGreedy& each : greedy) {
      if (each.rank == rank) return &each;
      if (!each.rank) all = &each;
    }
    return all;
  }
  // How many placements there are to choose among.
  size_t Alternatives() const {
    size_t most = 1;
    for (const ResolvedPlacement& placement : placements) {
      most = std::max(most, placement.places.size());
    }
    return most;
  }
  FunctionId order() const { return {static_cast<int32_t>(functions.size()) - 1}; }
};

// Empty after errors. The result refers to names in `program`, which must outlive it.
std::optional<ResolvedSchedule> ResolveSchedule(const CheckedProgram& program, int64_t microbatches,
                                                Diagnostics& diagnostics);

}  // namespace pprun
