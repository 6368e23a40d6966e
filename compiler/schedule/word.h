// A value of the schedule language small enough for a register: an integer, a boolean or a float.
//
// Everything else (strings, tuples, errors) is kNone: the sign that the slow, general evaluator has
// to look. Tests: expression_evaluator_test.cc.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "dsl/evaluator.h"

namespace pprun {

enum class WordKind : uint8_t { kNone, kInteger, kBoolean, kFloat };

struct Word {
  int64_t bits = 0;
  WordKind kind = WordKind::kNone;
};

constexpr Word IntegerWord(int64_t value) { return {value, WordKind::kInteger}; }
constexpr Word BooleanWord(bool value) { return {value ? 1 : 0, WordKind::kBoolean}; }
constexpr Word FloatWord(double value) { return {std::bit_cast<int64_t>(value), WordKind::kFloat}; }

// Empty if the word is kNone.
std::optional<Constant> ToValue(Word word);
// kNone if the value does not fit a word.
Word ToWord(const Constant& value);

}  // namespace pprun
