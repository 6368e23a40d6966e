// Names and calls of a schedule that mean nothing are reported before it runs, each once, wherever
// they stand; scopes nest as blocks do.
#include <gtest/gtest.h>

#include "compiler/schedule/resolved_schedule.h"
#include "tests/schedule/schedule_text.h"

namespace pprun {
namespace {

// The errors of an order, which stands on line 3.
std::string ErrorsOf(const std::string& body) { return EvaluateText(WithOrder(body)).errors; }

std::string ErrorsOfSchedule(const std::string& items) {
  return EvaluateText("schedule s {\n" + items + "\n}\n").errors;
}

TEST(Names, UnknownOnesAreReportedWithWhatWasMeant) {
  EXPECT_EQ(ErrorsOf("forward(i);"), "3:9: unknown name `i`\n");
  EXPECT_EQ(ErrorsOf("forward(mircobatches - 1);"),
            "3:9: unknown name `mircobatches`\n"
            "  3:9: did you mean `microbatches`?\n");
  EXPECT_EQ(ErrorsOf("let warmup = 1; forward(warmpu);"),
            "3:25: unknown name `warmpu`\n"
            "  3:25: did you mean `warmup`?\n");
  EXPECT_EQ(ErrorsOf("repeat pendng { weight_grad(oldest); }"),
            "3:8: unknown name `pendng`\n"
            "  3:8: did you mean `pending`?\n");
}

TEST(Names, CodeThatNeverRunsIsResolvedToo) {
  EXPECT_EQ(ErrorsOf("if false { forward(nothing); } repeat 0 { nowhere(1); }"),
            "3:20: unknown name `nothing`\n"
            "3:43: unknown function `nowhere`\n");
}

TEST(Names, EndWithTheirBlock) {
  EXPECT_EQ(ErrorsOf("for i in 0 .. 1 { let kept = i; } forward(i);"), "3:43: unknown name `i`\n");
  EXPECT_EQ(ErrorsOf("if true { let here = 1; } else { forward(here); }"),
            "3:42: unknown name `here`\n");
  EXPECT_EQ(ErrorsOf("let x = x;"), "3:9: unknown name `x`\n");
}

TEST(Names, AreSetOnceInABlock) {
  EXPECT_EQ(ErrorsOf("let x = 1; let x = 2;"),
            "3:16: `x` is set twice\n  3:5: it is first set here\n");
  EXPECT_EQ(ErrorsOfSchedule("  fn f(k, k) = k;\n  order on rank r { }"),
            "2:11: `k` is set twice\n  2:8: it is first set here\n");
}

TEST(Names, OfTheLanguageStayWhatTheyAre) {
  EXPECT_EQ(ErrorsOf("let min = 1;"), "3:5: `min` is built in and cannot be defined again\n");
  EXPECT_EQ(ErrorsOf("for pending in 0 .. 1 { }"),
            "3:5: `pending` is built in and cannot be defined again\n");
  EXPECT_EQ(ErrorsOfSchedule("  fn forward(k) = k;\n  order on rank r { }"),
            "2:6: `forward` is built in and cannot be defined again\n");
}

TEST(Names, OfTheRankAreUnknownBeforeTheOrder) {
  EXPECT_EQ(ErrorsOfSchedule("  let x = r;\n  order on rank r { }"), "2:11: unknown name `r`\n");
  EXPECT_EQ(ErrorsOfSchedule("  let x = pending;\n  order on rank r { }"),
            "2:11: unknown name `pending`\n");
  // A function may speak of the rank; it may not be called before there is one.
  EXPECT_EQ(ErrorsOfSchedule("  let x = f(1);\n  fn f(k) = k + r;\n  order on rank r { }"),
            "3:13: `r` is not set yet where this is used\n");
  EXPECT_EQ(ErrorsOfSchedule("  let x = f(1);\n  fn f(k) = left(forward, 0);\n"
                             "  order on rank r { }"),
            "3:13: `left` is known only while an order runs\n");
}

TEST(Names, OfTheOrderAreUnknownInFunctions) {
  EXPECT_EQ(ErrorsOfSchedule("  fn f(k) = k + warmup;\n  order on rank r { let warmup = 1; }"),
            "2:17: unknown name `warmup`\n");
}

TEST(Tasks, AreStatementsNotValues) {
  EXPECT_EQ(ErrorsOf("let x = forward(0);"), "3:9: `forward` is a task, not a value\n");
  EXPECT_EQ(ErrorsOf("let x = backward;"), "3:9: `backward` is a task, not a value\n");
  EXPECT_EQ(ErrorsOf("let x = oldest;"), "3:9: `oldest` stands only in `weight_grad(oldest)`\n");
  EXPECT_EQ(ErrorsOf("input_grad(oldest);"),
            "3:12: `oldest` stands only in `weight_grad(oldest)`\n");
  EXPECT_EQ(ErrorsOf("min(1, 2);"), "3:1: `min` has a value and runs no tasks\n");
}

TEST(Tasks, TakeAMicrobatchAndAChunk) {
  EXPECT_EQ(ErrorsOf("forward(0, 1);"), "3:12: `forward` takes one microbatch\n");
  EXPECT_EQ(ErrorsOf("forward(chunk = 0, chunk = 0);"), "3:20: `chunk` is given twice\n");
  EXPECT_EQ(ErrorsOf("forward(0, chnk = 0);"),
            "3:12: `forward` has no argument named `chnk`\n"
            "  3:1: it takes a microbatch and a chunk, as in `forward(0, chunk = 1)`\n");
}

TEST(Tasks, RecomputeIsRefused) {
  EXPECT_EQ(ErrorsOf("recompute(0);"),
            "3:1: `recompute` is not supported as a task of a schedule\n");
}

TEST(Tasks, LeftTakesATaskAndAChunk) {
  EXPECT_EQ(ErrorsOf("let x = left();"),
            "3:9: `left` takes a task and a chunk, as in `left(forward, 0)`\n");
  EXPECT_EQ(ErrorsOf("let x = left(forward, pipe = 0);"),
            "3:9: `left` takes a task and a chunk, as in `left(forward, 0)`\n");
  EXPECT_EQ(ErrorsOf("let x = left(0, 1);"),
            "3:14: the first argument of `left` is one of `forward`, `backward`, `input_grad` and "
            "`weight_grad`\n");
}

TEST(Functions, AreCalledAsTheyAreDefined) {
  const std::string functions = "  fn f(k) { forward(k); }\n  fn g(a, b) = a + b;\n";
  auto order = [&](const std::string& body) {
    return ErrorsOfSchedule(functions + "  order on rank r {\n" + body + "\n  }");
  };
  EXPECT_EQ(order("f();"), "5:1: `f` takes 1 argument, 0 given\n  2:6: `f` is defined here\n");
  EXPECT_EQ(order("let x = g(1);"),
            "5:9: `g` takes 2 arguments, 1 given\n  3:6: `g` is defined here\n");
  EXPECT_EQ(order("let x = g(a = 1, b = 2);"),
            "5:11: arguments of `g` are given without names\n  3:6: `g` is defined here\n");
  EXPECT_EQ(order("let x = f(1);"),
            "5:9: `f` runs tasks and has no value\n  2:6: `f` is defined here\n");
  EXPECT_EQ(order("g(1, 2);"),
            "5:1: `g` has a value and runs no tasks\n  3:6: `g` is defined here\n");
  EXPECT_EQ(order("let x = g;"), "5:9: `g` is a function; call it, `g(...)`\n");
  EXPECT_EQ(order("forwad(1);"),
            "5:1: unknown function `forwad`\n  5:1: did you mean `forward`?\n");
  EXPECT_EQ(ErrorsOfSchedule("  fn f(k) = 1;\n  fn f(k) = 2;\n  order on rank r { }"),
            "3:6: function `f` is defined twice\n  2:6: it is first defined here\n");
}

TEST(Functions, SlotsAreUsedAgainWhenTheirBlockEnds) {
  ParsedSchedule parsed = ParseSchedule(
      WithOrder("let a = 1; if true { let b = 2; let c = 3; } for i in 0 .. 1 { let d = i; }"), {});
  Diagnostics diagnostics;
  std::optional<ResolvedSchedule> schedule = ResolveSchedule(parsed.checked, 4, diagnostics);
  ASSERT_TRUE(schedule);
  EXPECT_EQ((*schedule)[schedule->order()].slots, 3);
}

TEST(Names, OfTheFileMayHangOnEachOtherInALongChain) {
  std::string text = "let x0 = 1;\n";
  for (int i = 1; i < 5000; ++i) {
    const std::string last = "x" + std::to_string(i - 1);
    text += "let x" + std::to_string(i) + " = " + last + " + " + last + " * 0;\n";
  }
  text += "schedule s { order on rank r { require x4999 == 1; forward(); backward(); } }";
  EXPECT_EQ(OrderOf(text, {.pp = 1, .microbatches = 1}), "0F0 0B0\n");
}

TEST(Names, OfTheMeshHideThoseOfTheFile) {
  EXPECT_EQ(OrderOf("let pp = 7; schedule s { order on rank r { require pp == 1; forward(); "
                    "backward(); } }",
                    {.pp = 1, .microbatches = 1}),
            "0F0 0B0\n");
}

// Built by hand: the parser's own limit is lower.
TEST(Depth, IsBounded) {
  ParsedSchedule parsed = ParseSchedule(WithOrder("let x = 1;"), {});
  ast::Program& program = parsed.checked.program;
  ast::Setting& let =
      std::get<ast::LetStatement>(
          program.statements[static_cast<size_t>(program.schedules[0].order[0].value)].node)
          .let;
  for (int i = 0; i < 5000; ++i) {
    ast::Expression& negation = program.expressions.emplace_back();
    negation.location = let.location;
    negation.node = ast::Unary{.op = ast::UnaryOperator::kNegate, .operand = let.value};
    let.value = {static_cast<int32_t>(program.expressions.size()) - 1};
  }
  Diagnostics diagnostics;
  EXPECT_FALSE(ResolveSchedule(parsed.checked, 4, diagnostics));
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message,
            "the schedule nests deeper than the limit of 2048 levels");
}

}  // namespace
}  // namespace pprun
