// The fast path: what fits a register, with no allocation. It must never compute what the general
// evaluator would refuse. Tests: expression_evaluator_test.cc compares the two on random
// expressions.
#include "compiler/schedule/expression_evaluator.h"

#include <limits>

namespace pprun {

ExpressionEvaluator::ExpressionEvaluator(const ast::Program& program,
                                         const ResolvedSchedule& schedule, const Limits& limits)
    : program_(program),
      schedule_(schedule),
      limits_(limits),
      globals_(static_cast<size_t>(schedule.globals)) {}

void ExpressionEvaluator::SetSlot(ScopeEntry::Space space, int32_t slot, Word word) {
  if (space == ScopeEntry::Space::kGlobal) {
    globals_[static_cast<size_t>(slot)] = word;
  } else {
    stack_[base_ + static_cast<size_t>(slot)] = word;
  }
}

bool ExpressionEvaluator::Nest(FunctionId function) {
  const int32_t levels = schedule_[function].levels;
  if (calls_ >= kMostCalls || levels_ + levels > kMostCallLevels) return false;
  ++calls_;
  levels_ += levels;
  return true;
}

bool ExpressionEvaluator::Open(FunctionId function, size_t base) {
  const ResolvedFunction& callee = schedule_[function];
  const size_t slots = static_cast<size_t>(callee.slots);
  if (base + slots > kMostFrameSlots || !Nest(function)) return false;
  stack_.resize(base + slots);
  frames_.push_back({base, base_, callee.levels});
  base_ = base;
  return true;
}

bool ExpressionEvaluator::PushFrame(FunctionId function, const std::vector<Word>& arguments) {
  const size_t base = stack_.size();
  stack_.insert(stack_.end(), arguments.begin(), arguments.end());
  if (Open(function, base)) return true;
  stack_.resize(base);
  return false;
}

void ExpressionEvaluator::PopFrame() {
  const Frame& frame = frames_.back();
  stack_.resize(frame.base);
  base_ = frame.caller_base;
  levels_ -= frame.levels;
  --calls_;
  frames_.pop_back();
}

Word ExpressionEvaluator::Fast(NodeId id) {
  const Node& node = schedule_[id];
  ++steps_;
  switch (node.op) {
    case NodeOp::kConstant:
      return node.constant;
    case NodeOp::kLocal:
      return stack_[base_ + static_cast<size_t>(node.slot)];
    case NodeOp::kGlobal:
      return globals_[static_cast<size_t>(node.slot)];
    case NodeOp::kPending:
      return ledger_ == nullptr ? Word{} : IntegerWord(ledger_->Pending());
    case NodeOp::kLeft:
      return FastLeft(node);
    case NodeOp::kNegate: {
      Word operand = Fast(node.a);
      if (operand.kind != WordKind::kInteger ||
          operand.bits == std::numeric_limits<int64_t>::min()) {
        return {};
      }
      return IntegerWord(-operand.bits);
    }
    case NodeOp::kNot: {
      Word operand = Fast(node.a);
      if (operand.kind != WordKind::kBoolean) return {};
      return BooleanWord(operand.bits == 0);
    }
    case NodeOp::kAnd:
    case NodeOp::kOr: {
      Word left = Fast(node.a);
      if (left.kind != WordKind::kBoolean) return {};
      // The right side is evaluated only where it decides.
      if ((left.bits != 0) == (node.op == NodeOp::kOr)) return left;
      Word right = Fast(node.b);
      return right.kind == WordKind::kBoolean ? right : Word{};
    }
    case NodeOp::kConditional: {
      Word condition = Fast(node.a);
      if (condition.kind != WordKind::kBoolean) return {};
      return Fast(condition.bits != 0 ? node.b : node.c);
    }
    case NodeOp::kMinimum:
    case NodeOp::kMaximum:
      return FastExtreme(node);
    case NodeOp::kCall:
      return FastCall(node);
    case NodeOp::kGeneral:
      return {};
    case NodeOp::kAdd:
    case NodeOp::kSubtract:
    case NodeOp::kMultiply:
    case NodeOp::kDivide:
    case NodeOp::kRemainder:
    case NodeOp::kEqual:
    case NodeOp::kNotEqual:
    case NodeOp::kLess:
    case NodeOp::kLessEqual:
    case NodeOp::kGreater:
    case NodeOp::kGreaterEqual: {
      Word left = Fast(node.a);
      if (left.kind != WordKind::kInteger) return {};
      Word right = Fast(node.b);
      if (right.kind != WordKind::kInteger) return {};
      return FastBinary(node.op, left, right);
    }
  }
  return {};
}

Word ExpressionEvaluator::FastBinary(NodeOp op, Word left_word, Word right_word) const {
  const int64_t left = left_word.bits, right = right_word.bits;
  int64_t result = 0;
  switch (op) {
    case NodeOp::kAdd:
      return __builtin_add_overflow(left, right, &result) ? Word{} : IntegerWord(result);
    case NodeOp::kSubtract:
      return __builtin_sub_overflow(left, right, &result) ? Word{} : IntegerWord(result);
    case NodeOp::kMultiply:
      return __builtin_mul_overflow(left, right, &result) ? Word{} : IntegerWord(result);
    case NodeOp::kDivide:
    case NodeOp::kRemainder: {
      // -1 would overflow on the smallest integer; 0 is an error.
      if (right == 0 || right == -1) return {};
      int64_t quotient = left / right, remainder = left % right;
      if (remainder != 0 && (remainder < 0) != (right < 0)) {
        --quotient;
        remainder += right;
      }
      return IntegerWord(op == NodeOp::kDivide ? quotient : remainder);
    }
    case NodeOp::kEqual:
      return BooleanWord(left == right);
    case NodeOp::kNotEqual:
      return BooleanWord(left != right);
    case NodeOp::kLess:
      return BooleanWord(left < right);
    case NodeOp::kLessEqual:
      return BooleanWord(left <= right);
    case NodeOp::kGreater:
      return BooleanWord(left > right);
    case NodeOp::kGreaterEqual:
      return BooleanWord(left >= right);
    default:
      return {};
  }
}

Word ExpressionEvaluator::FastExtreme(const Node& node) {
  Word best;
  for (uint32_t i = node.operands_begin; i < node.operands_end; ++i) {
    Word operand = Fast(schedule_.operands[i]);
    if (operand.kind != WordKind::kInteger) return {};
    const bool better =
        node.op == NodeOp::kMinimum ? operand.bits < best.bits : operand.bits > best.bits;
    if (best.kind == WordKind::kNone || better) best = operand;
  }
  return best;
}

Word ExpressionEvaluator::FastCall(const Node& node) {
  // Arguments become the first slots of the frame where they stand.
  const size_t base = stack_.size();
  for (uint32_t i = node.operands_begin; i < node.operands_end; ++i) {
    Word argument = Fast(schedule_.operands[i]);
    if (argument.kind == WordKind::kNone) {
      stack_.resize(base);
      return {};
    }
    stack_.push_back(argument);
  }
  if (OutOfSteps() || !Open(node.function, base)) {
    stack_.resize(base);
    return {};
  }
  Word result = Fast(schedule_[node.function].value.node);
  PopFrame();
  return result;
}

Word ExpressionEvaluator::FastLeft(const Node& node) {
  if (ledger_ == nullptr) return {};
  if (!node.a.valid()) {
    int64_t left = 0;
    for (int32_t chunk = 0; chunk < ledger_->chunk_count(); ++chunk) {
      left += ledger_->Left(node.task, chunk);
    }
    return IntegerWord(left);
  }
  Word chunk = Fast(node.a);
  if (chunk.kind != WordKind::kInteger || chunk.bits < 0 || chunk.bits >= ledger_->chunk_count()) {
    return {};
  }
  return IntegerWord(ledger_->Left(node.task, static_cast<int32_t>(chunk.bits)));
}

}  // namespace pprun
