// Words and values say the same thing wherever both can. Tests: expression_evaluator_test.cc.
#include "compiler/schedule/word.h"

namespace pprun {

std::optional<Value> ToValue(Word word) {
  switch (word.kind) {
    case WordKind::kNone:
      return std::nullopt;
    case WordKind::kInteger:
      return Value{word.bits};
    case WordKind::kBoolean:
      return Value{word.bits != 0};
    case WordKind::kFloat:
      return Value{std::bit_cast<double>(word.bits)};
  }
  return std::nullopt;
}

Word ToWord(const Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return IntegerWord(*integer);
  if (const auto* boolean = std::get_if<bool>(&value.data)) return BooleanWord(*boolean);
  if (const auto* number = std::get_if<double>(&value.data)) return FloatWord(*number);
  return {};
}

}  // namespace pprun
