// Words and values say the same thing wherever both can. Tests: expression_evaluator_test.cc.
#include "compiler/schedule/word.h"

namespace pprun {

std::optional<Constant> ToValue(Word word) {
  switch (word.kind) {
    case WordKind::kNone:
      return std::nullopt;
    case WordKind::kInteger:
      return Constant{word.bits};
    case WordKind::kBoolean:
      return Constant{word.bits != 0};
    case WordKind::kFloat:
      return Constant{std::bit_cast<double>(word.bits)};
  }
  return std::nullopt;
}

Word ToWord(const Constant& value) {
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return IntegerWord(*integer);
  if (const auto* boolean = std::get_if<bool>(&value.data)) return BooleanWord(*boolean);
  if (const auto* number = std::get_if<double>(&value.data)) return FloatWord(*number);
  return {};
}

}  // namespace pprun
