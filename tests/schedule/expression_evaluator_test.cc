// The fast path against the general evaluator, on random expressions: equal where it answers, and
// it answers wherever integers and booleans suffice.
#include "compiler/schedule/expression_evaluator.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/schedule/schedule_text.h"

namespace pprun {
namespace {

// Writes random expressions, mostly of the type asked for. Calls of f0 and f1 need those functions;
// a function calls only the ones before it, so that all calls end.
struct Writer {
  std::mt19937& random;
  std::vector<std::string> integers;  // names that hold one
  int functions = 0;                  // that may be called
  bool only_words = true;             // integers and booleans, no mistakes

  int Pick(int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); }

  std::string IntegerLeaf() {
    if (Pick(3) != 0) return integers[static_cast<size_t>(Pick(static_cast<int>(integers.size())))];
    if (Pick(12) == 0) return "9223372036854775807";
    return std::to_string(Pick(9));
  }

  std::string Integer(int depth) {
    if (!only_words && Pick(15) == 0) return Odd(depth);
    if (depth == 0) return IntegerLeaf();
    switch (Pick(9)) {
      case 0:
        return "(" + Integer(depth - 1) + " + " + Integer(depth - 1) + ")";
      case 1:
        return "(" + Integer(depth - 1) + " - " + Integer(depth - 1) + ")";
      case 2:
        return "(" + Integer(depth - 1) + " * " + Integer(depth - 1) + ")";
      case 3:
        return "(" + Integer(depth - 1) + (Pick(2) == 0 ? " / " : " % ") + Integer(depth - 1) + ")";
      case 4:
        return "(-" + Integer(depth - 1) + ")";
      case 5:
        return (Pick(2) == 0 ? "min(" : "max(") + Integer(depth - 1) + ", " + Integer(depth - 1) +
               (Pick(2) == 0 ? ", " + Integer(depth - 1) : "") + ")";
      case 6:
        return "(if " + Boolean(depth - 1) + " then " + Integer(depth - 1) + " else " +
               Integer(depth - 1) + ")";
      case 7:
        if (functions == 0) return IntegerLeaf();
        return "f" + std::to_string(Pick(functions)) + "(" + Integer(depth - 1) + ", " +
               Integer(depth - 1) + ")";
      default:
        return IntegerLeaf();
    }
  }

  std::string Boolean(int depth) {
    if (!only_words && Pick(15) == 0) return Odd(depth);
    if (depth == 0) return Pick(2) == 0 ? "true" : "false";
    static const char* const kComparisons[] = {" == ", " != ", " < ", " <= ", " > ", " >= "};
    switch (Pick(4)) {
      case 0:
        return "(" + Boolean(depth - 1) + (Pick(2) == 0 ? " and " : " or ") + Boolean(depth - 1) +
               ")";
      case 1:
        return "(not " + Boolean(depth - 1) + ")";
      default:
        return "(" + Integer(depth - 1) + kComparisons[Pick(6)] + Integer(depth - 1) + ")";
    }
  }

  // What words do not hold, and mistakes.
  std::string Odd(int depth) {
    switch (Pick(7)) {
      case 0:
        return "0.5";
      case 1:
        return "ratio";
      case 2:
        return "\"text\"";
      case 3:
        return "floor(" + (depth == 0 ? "2.5" : Integer(depth - 1)) + ")";
      case 4:
        return "(1, 2)";
      case 5:
        return depth == 0 ? "true" : Boolean(depth - 1);
      default:
        return depth == 0 ? "7" : Integer(depth - 1);
    }
  }
};

// A schedule whose order sets one name a random expression, many times.
std::string RandomSchedule(std::mt19937& random, bool only_words) {
  std::string text = "let ratio = 1.5;\nschedule s {\n  let base = 3;\n  let wide = true;\n";
  for (int i = 0; i < 2; ++i) {
    Writer writer{random, {"a", "b", "base", "r", "pp"}, i, only_words};
    text += "  fn f" + std::to_string(i) + "(a, b) = " + writer.Integer(3) + ";\n";
  }
  text += "  order on rank r {\n    let k = 5;\n";
  Writer writer{random, {"k", "base", "r", "pp", "microbatches", "pending"}, 2, only_words};
  for (int i = 0; i < 40; ++i) {
    text += "    let x" + std::to_string(i) + " = " +
            (i % 2 == 0 ? writer.Integer(4) : writer.Boolean(4)) + ";\n";
  }
  return text + "  }\n}\n";
}

struct Counts {
  int fast = 0;     // the fast path answered
  int general = 0;  // only the general one had a value
  int errors = 0;
};

// Evaluates all of the order's names both ways.
Counts Compare(const std::string& text) {
  Counts counts;
  ParsedSchedule parsed = ParseSchedule(text, {.pp = 3, .microbatches = 4});
  Diagnostics diagnostics;
  std::optional<ResolvedSchedule> schedule = ResolveSchedule(parsed.checked, 4, diagnostics);
  EXPECT_TRUE(schedule) << parsed.files.Render(diagnostics);
  if (!schedule) return counts;
  const Limits limits;
  ExpressionEvaluator evaluator(parsed.checked.program, *schedule, limits);
  RankLedger ledger(2, {{.place = {.stage = 2}, .microbatches = {0, 4}}}, 4);
  evaluator.SetLedger(&ledger);
  evaluator.SetSlot(ScopeEntry::Space::kGlobal, schedule->rank_slot, IntegerWord(2));
  auto run = [&](ResolvedStatementId id) {
    const auto& set = std::get<SetSlot>((*schedule)[id].node);
    const Word fast = evaluator.Fast(set.value.node);
    Diagnostics errors;
    const Constant general = evaluator.General(set.value, errors);
    EXPECT_EQ(general.IsError(), errors.HasErrors());
    const ast::Location place = parsed.checked.program[set.value.source].location;
    SCOPED_TRACE(text.substr(place.begin, place.end - place.begin));
    if (fast.kind != WordKind::kNone) {
      ++counts.fast;
      EXPECT_FALSE(errors.HasErrors()) << parsed.files.Render(errors);
      EXPECT_EQ(ToValue(fast), general);
    } else {
      ++(general.IsError() ? counts.errors : counts.general);
    }
    const Word word = ToWord(general);
    evaluator.SetSlot(set.space, set.slot, word.kind == WordKind::kNone ? IntegerWord(1) : word);
  };
  for (ResolvedStatementId id : schedule->preamble) run(id);
  EXPECT_TRUE(evaluator.PushFrame(schedule->order(), {}));
  for (ResolvedStatementId id : (*schedule)[schedule->order()].body) run(id);
  evaluator.PopFrame();
  return counts;
}

TEST(FastPath, AgreesWithTheGeneralEvaluator) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed = " + std::to_string(seed));
  std::mt19937 random(seed);
  Counts words, odd;
  for (int i = 0; i < 60 && !testing::Test::HasFailure(); ++i) {
    for (Counts* total : {&words, &odd}) {
      const Counts counts = Compare(RandomSchedule(random, total == &words));
      total->fast += counts.fast;
      total->general += counts.general;
      total->errors += counts.errors;
    }
  }
  // Division by -1 is the only thing on words that the fast path leaves alone.
  EXPECT_GT(words.fast, 20 * words.general);
  EXPECT_GT(words.errors, 0);
  EXPECT_GT(odd.fast, 0);
  EXPECT_GT(odd.general, 0);
  EXPECT_GT(odd.errors, 0);
}

TEST(FastPath, ErrorsAreThoseOfTheGeneralEvaluator) {
  const std::string text =
      "schedule s {\n  fn half(k) = 10 / k;\n  order on rank r {\n"
      "    let a = half(0) + 1;\n    let b = half(true);\n  }\n}\n";
  EXPECT_EQ(EvaluateText(text, {.pp = 1, .microbatches = 1}).errors, "2:16: division by zero\n");
}

TEST(FastPath, FloatsInFunctionsTakeTheGeneralWay) {
  const std::string text =
      "schedule s {\n  fn half(k) = 0.5 * k;\n  fn up(k) = ceil(half(k)) + left(forward, 0);\n"
      "  order on rank r {\n    require up(7) == 5 and half(3) > 1.25;\n"
      "    forward(); backward();\n  }\n}\n";
  EXPECT_EQ(OrderOf(text, {.pp = 1, .microbatches = 1}), "0F0 0B0\n");
}

}  // namespace
}  // namespace pprun
