// Evaluates a schedule's expressions: integers and booleans on a fast path over resolved nodes, all
// else, every error included, by the general evaluator of dsl/evaluator.h over the text's own tree.
//
// So both agree on values, and all errors are worded in one place. The fast path answers kNone for
// what it does not do; the whole expression is then evaluated again, once: expressions have no
// effects. Bounds hold on the steps taken and on how deep calls nest. Tests:
// expression_evaluator_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/schedule/rank_ledger.h"
#include "compiler/schedule/resolved_schedule.h"
#include "dsl/evaluator.h"
#include "dsl/frontend.h"

namespace pprun {

// Bounds the stack that recursive functions take.
inline constexpr int32_t kMostCalls = 256;
inline constexpr int32_t kMostCallLevels = 4096;
inline constexpr size_t kMostFrameSlots = 1 << 20;

class ExpressionEvaluator {
 public:
  ExpressionEvaluator(const ast::Program& program, const ResolvedSchedule& schedule,
                      const Limits& limits);

  // Where `pending` and `left` look; null while there is no rank.
  void SetLedger(const RankLedger* ledger) { ledger_ = ledger; }

  // Empty after an error, or once the limit on steps is passed, which the caller reports.
  std::optional<int64_t> Integer(const ResolvedExpression& expression, std::string_view what,
                                 Diagnostics& diagnostics);
  std::optional<bool> Boolean(const ResolvedExpression& expression, std::string_view what,
                              Diagnostics& diagnostics);
  Constant General(const ResolvedExpression& expression, Diagnostics& diagnostics);
  // The names that the expression speaks of, with their values: "`pp` is 3, `r` is 0".
  std::string NamesIn(const ResolvedExpression& expression);
  // kNone for what the fast path leaves to the general evaluator.
  Word Fast(NodeId id);

  // A frame of the function, with its arguments; false if calls nest too deep.
  bool PushFrame(FunctionId function, const std::vector<Word>& arguments);
  void PopFrame();
  void SetSlot(ScopeEntry::Space space, int32_t slot, Word word);

  // Counts work that is not an expression: statements and rounds of loops.
  void TakeStep() { ++steps_; }
  bool OutOfSteps() const { return steps_ > limits_.evaluation_steps; }

 private:
  friend class FrameEnvironment;

  struct Frame {
    size_t base = 0;
    size_t caller_base = 0;
    int32_t levels = 0;
  };

  bool Open(FunctionId function, size_t base);
  bool Nest(FunctionId function);
  Word FastBinary(NodeOp op, Word left, Word right) const;
  Word FastExtreme(const Node& node);
  Word FastCall(const Node& node);
  Word FastLeft(const Node& node);

  const ast::Program& program_;
  const ResolvedSchedule& schedule_;
  const Limits& limits_;
  const RankLedger* ledger_ = nullptr;
  std::vector<Word> globals_;
  std::vector<Word> stack_;
  std::vector<Frame> frames_;
  size_t base_ = 0;  // of the running frame
  int32_t calls_ = 0;
  int32_t levels_ = 0;
  bool too_deep_ = false;  // calls of this expression nest too deep: reported, and not to be again
  int64_t steps_ = 0;
};

}  // namespace pprun
