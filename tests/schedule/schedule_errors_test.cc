// What a schedule can get wrong while it runs, and what is said about it: once, with the place and
// what helps.
#include <gtest/gtest.h>

#include "tests/schedule/schedule_text.h"

namespace pprun {
namespace {

// The errors of an order of two ranks and three microbatches, which stands on line 3.
std::string ErrorsOf(const std::string& body,
                     const ScheduleSetting& setting = {.pp = 2, .microbatches = 3}) {
  return EvaluateText(WithOrder(body), setting).errors;
}

// ---- incomplete orders
// -----------------------------------------------------------------------------

TEST(Completeness, AForgottenBackward) {
  EXPECT_EQ(EvaluateText(R"(schedule one_f_one_b {
  order on rank r {
    let warmup = min(microbatches, pp - 1 - r);
    for i in 0 .. warmup { forward(i); }
    for i in warmup .. microbatches { forward(i); backward(i - warmup); }
    for i in microbatches - warmup .. microbatches - 1 { backward(i); }
  }
})",
                         {.pp = 4, .microbatches = 8})
                .errors,
            "6:58: rank 0 never runs `backward(7)`\n"
            "  5:39: its `forward` runs here\n"
            "  2:17: ranks 1 and 2 make the same mistake\n");
}

TEST(Completeness, SeveralMissing) {
  EXPECT_EQ(ErrorsOf("for i in 0 .. microbatches { forward(i); } backward(1);"),
            "3:44: rank 0 never runs `backward(0)`\n"
            "  3:30: its `forward` runs here\n"
            "  3:44: 2 tasks are missing on rank 0 in all\n"
            "  2:17: rank 1 makes the same mistake\n");
}

TEST(Completeness, AnEmptyOrder) {
  EXPECT_EQ(ErrorsOf("", {.pp = 5, .microbatches = 3}),
            "2:17: rank 0 never runs `forward(0)`\n"
            "  2:17: 6 tasks are missing on rank 0 in all\n"
            "  2:17: every other rank makes the same mistake\n");
  EXPECT_EQ(
      ErrorsOf("if r != 2 { repeat 3 { forward(); backward(); } }", {.pp = 5, .microbatches = 3}),
      "2:17: rank 2 never runs `forward(0)`\n"
      "  2:17: 6 tasks are missing on rank 2 in all\n");
}

TEST(Completeness, AForgottenWeightGradient) {
  EXPECT_EQ(ErrorsOf("for i in 0 .. microbatches { forward(i); input_grad(i); "
                     "if i > r { weight_grad(i); } }"),
            "3:68: rank 0 never runs `weight_grad(0)`\n"
            "  3:42: its `input_grad` runs here\n"
            "  2:17: rank 1 makes the same mistake\n");
}

TEST(Completeness, AForgottenInputGradientIsNamedAsTheRankNamesIt) {
  EXPECT_EQ(ErrorsOf("repeat 3 { forward(); } repeat 2 { input_grad(); weight_grad(); }"),
            "3:36: rank 0 never runs `input_grad(2)`\n"
            "  3:12: its `forward` runs here\n"
            "  3:36: 2 tasks are missing on rank 0 in all\n"
            "  2:17: rank 1 makes the same mistake\n");
}

// ---- wrong orders
// ----------------------------------------------------------------------------------

TEST(WrongOrder, ATaskTwice) {
  EXPECT_EQ(ErrorsOf("repeat 3 { forward(); backward(); } if r == 1 { forward(2); }"),
            "3:49: rank 1 runs `forward(2)` twice\n"
            "  3:12: first here\n");
  EXPECT_EQ(ErrorsOf("for i in 0 .. 3 { forward(i); backward(i); backward(i); }"),
            "3:44: rank 0 runs `backward(0)` twice\n"
            "  3:31: first here\n"
            "  3:44: 2 more tasks of rank 0 are wrong\n"
            "  2:17: rank 1 makes the same mistake\n");
}

TEST(WrongOrder, AMicrobatchThatIsNot) {
  EXPECT_EQ(ErrorsOf("for i in 0 .. microbatches + 1 { forward(i); }"),
            "3:34: rank 0 runs `forward(3)`, and there is no microbatch 3\n"
            "  3:34: microbatches go from 0 to 2\n"
            "  2:17: rank 1 makes the same mistake\n");
  EXPECT_EQ(ErrorsOf("forward(r - 1);", {.pp = 1, .microbatches = 1}),
            "3:1: rank 0 runs `forward(-1)`, and there is no microbatch -1\n"
            "  3:1: microbatches go from 0 to 0\n");
}

TEST(WrongOrder, BackwardBeforeForward) {
  EXPECT_EQ(ErrorsOf("for i in 0 .. microbatches { backward(i); forward(i); }"),
            "3:30: rank 0 runs `backward(0)` before `forward(0)`\n"
            "  3:43: `forward(0)` runs only here\n"
            "  3:30: 2 more tasks of rank 0 are wrong\n"
            "  2:17: rank 1 makes the same mistake\n");
  EXPECT_EQ(ErrorsOf("backward(0);", {.pp = 1, .microbatches = 1}),
            "3:1: rank 0 runs `backward(0)` before `forward(0)`\n"
            "  2:17: rank 0 never runs `forward(0)`\n");
}

TEST(WrongOrder, WeightGradientBeforeInputGradient) {
  EXPECT_EQ(ErrorsOf("forward(0); weight_grad(0); input_grad(0);", {.pp = 1, .microbatches = 1}),
            "3:13: rank 0 runs `weight_grad(0)` before `input_grad(0)`\n"
            "  3:29: `input_grad(0)` runs only here\n");
}

TEST(WrongOrder, ABackwardBesideItsHalves) {
  EXPECT_EQ(ErrorsOf("forward(0); input_grad(0); backward(0);", {.pp = 1, .microbatches = 1}),
            "3:28: rank 0 runs `backward(0)` beside `input_grad(0)`\n"
            "  3:13: `input_grad(0)` runs here\n"
            "  3:28: `backward` is `input_grad` and `weight_grad` in one task\n");
  EXPECT_EQ(ErrorsOf("forward(0); backward(0); weight_grad(0);", {.pp = 1, .microbatches = 1}),
            "3:26: rank 0 runs `weight_grad(0)` beside `backward(0)`\n"
            "  3:13: `backward(0)` runs here\n"
            "  3:26: `backward` is `input_grad` and `weight_grad` in one task\n");
  EXPECT_EQ(ErrorsOf("forward(0); backward(0); input_grad(0);", {.pp = 1, .microbatches = 1}),
            "3:26: rank 0 runs `input_grad(0)` beside `backward(0)`\n"
            "  3:13: `backward(0)` runs here\n"
            "  3:26: `backward` is `input_grad` and `weight_grad` in one task\n");
}

TEST(WrongOrder, NothingLeftAndNothingOwed) {
  EXPECT_EQ(ErrorsOf("repeat 4 { forward(); } repeat 3 { backward(); }"),
            "3:12: rank 0 has no `forward` left here: all 3 microbatches have had theirs\n"
            "  2:17: rank 1 makes the same mistake\n");
  EXPECT_EQ(ErrorsOf("repeat 3 { forward(); input_grad(); } repeat 4 { weight_grad(oldest); }"),
            "3:50: rank 0 owes no weight gradient here\n"
            "  3:50: ask `if pending > 0` first\n"
            "  2:17: rank 1 makes the same mistake\n");
}

TEST(WrongOrder, AChunkThatIsNot) {
  EXPECT_EQ(ErrorsOf("forward(0, chunk = r);"),
            "2:17: rank 0 never runs `backward(0)`\n"
            "  3:1: its `forward` runs here\n"
            "  2:17: 5 tasks are missing on rank 0 in all\n"
            "3:1: rank 1 has no chunk 1: it holds 1 chunk\n"
            "  3:1: `let chunks = 2;` in the schedule gives every rank 2\n");
  EXPECT_EQ(ErrorsOf("let x = left(forward, 1);"), "3:23: rank 0 has no chunk 1\n");
}

TEST(WrongOrder, OverlapTakesTwoTasks) {
  EXPECT_EQ(ErrorsOf("overlap { forward(0); }"), "3:1: `overlap` takes two tasks, this runs 1\n");
  EXPECT_EQ(ErrorsOf("overlap { for i in 0 .. 3 { forward(i); } }"),
            "3:1: `overlap` takes two tasks, this runs 3\n");
  EXPECT_EQ(ErrorsOf("overlap { }"), "3:1: `overlap` takes two tasks, this runs 0\n");
  EXPECT_EQ(ErrorsOf("overlap { forward(0); overlap { forward(1); backward(0); } }"),
            "3:23: `overlap` inside `overlap`\n");
}

TEST(WrongOrder, OverlapTakesTasksThatDoNotNeedEachOther) {
  const ScheduleSetting one{.pp = 1, .microbatches = 1};
  EXPECT_EQ(ErrorsOf("overlap { forward(0); backward(0); }", one),
            "3:1: `overlap` takes two tasks that run side by side, and one needs the other\n"
            "  3:11: this runs `forward(0)`\n"
            "  3:23: this runs `backward(0)`\n");
  EXPECT_EQ(ErrorsOf("forward(0); overlap { input_grad(0); weight_grad(0); }", one).substr(0, 5),
            "3:13:");
  // The turn of a V: one rank holds both stages.
  EXPECT_EQ(
      EvaluateText("schedule turn {\n"
                   "place chunk 0 on rank r as stage r; place chunk 1 on rank r as stage 1;\n"
                   "order on rank r { overlap { forward(chunk = 0); forward(chunk = 1); } } }",
                   one)
          .errors,
      "3:19: `overlap` takes two tasks that run side by side, and one needs the other\n"
      "  3:29: this runs `forward(0, chunk = 0)`\n"
      "  3:49: this runs `forward(0, chunk = 1)`\n");
}

TEST(WrongOrder, AMicrobatchOfTheOtherPipe) {
  const std::string both_ways =
      "schedule both_ways {\n"
      "place chunk 0 on rank r as stage r of pipe 0;\n"
      "place chunk 1 on rank r as stage pp - 1 - r of pipe 1;\n"
      "order on rank r { repeat left(forward, 1) { forward(chunk = 1); } ";
  EXPECT_EQ(EvaluateText(both_ways + "forward(3); } }", {.pp = 1, .microbatches = 4}).errors,
            "4:67: rank 0 runs `forward(3, chunk = 0)`, a microbatch of the other pipe\n"
            "  4:67: chunk 0 is of pipe 0, whose microbatches go from 0 to 1\n");
  EXPECT_EQ(
      EvaluateText(both_ways + "forward(0, chunk = 1); } }", {.pp = 1, .microbatches = 1}).errors,
      "4:67: rank 0 runs `forward(0, chunk = 1)`, a microbatch of the other pipe\n"
      "  4:67: chunk 1 is of pipe 1, whose microbatches are none\n");
  EXPECT_EQ(
      EvaluateText(both_ways + "forward(chunk = 1); } }", {.pp = 1, .microbatches = 4}).errors,
      "4:67: rank 0 has no `forward` of chunk 1 left here: all 2 microbatches have had theirs\n");
}

// ---- values
// ----------------------------------------------------------------------------------------

TEST(Values, AnErrorOnEveryRankIsSaidOnce) {
  EXPECT_EQ(ErrorsOf("forward(1 / 0);", {.pp = 64, .microbatches = 3}), "3:9: division by zero\n");
}

TEST(Values, AnErrorOnSomeRanksNamesThem) {
  EXPECT_EQ(ErrorsOf("forward(1 / r - 1); backward(0);", {.pp = 2, .microbatches = 1}),
            "3:9: division by zero\n"
            "  2:17: on rank 0\n");
  EXPECT_EQ(ErrorsOf("require microbatches >= r + 3, \"too few microbatches\"; "
                     "repeat 3 { forward(); backward(); }",
                     {.pp = 9, .microbatches = 3}),
            "3:9: too few microbatches\n"
            "  3:9: `microbatches` is 3, `r` is 1\n"
            "  2:17: on ranks 1, 2, 3 and 5 more\n");
}

TEST(Values, OfTheWrongKind) {
  EXPECT_EQ(ErrorsOf("forward(true);"),
            "3:9: the microbatch of a task is a boolean, not an integer\n");
  EXPECT_EQ(ErrorsOf("forward(0, chunk = 0.5);"),
            "3:20: the chunk of a task is a float, not an integer\n");
  EXPECT_EQ(ErrorsOf("repeat 1.5 { forward(); }"),
            "3:8: the count of `repeat` is a float, not an integer\n");
  EXPECT_EQ(ErrorsOf("if 1 { forward(); }"),
            "3:4: the condition of `if` is an integer, not a boolean\n");
  EXPECT_EQ(ErrorsOf("for i in 0 .. true { }"),
            "3:15: the end of a range is a boolean, not an integer\n");
  EXPECT_EQ(ErrorsOf("for i in 0.5 .. 1 { }"),
            "3:10: the start of a range is a float, not an integer\n");
  EXPECT_EQ(ErrorsOf("require 1;"), "3:9: what `require` asks is an integer, not a boolean\n");
  EXPECT_EQ(ErrorsOf("let x = \"abc\";"),
            "3:9: what a schedule sets is a number or a boolean, not a string\n");
  EXPECT_EQ(ErrorsOf("let x = left(forward, 1.5);"),
            "3:23: the chunk of `left` is a float, not an integer\n");
  EXPECT_EQ(ErrorsOf("let x = 9223372036854775807 + 1;"), "3:9: this sum overflows 64 bits\n");
  EXPECT_EQ(ErrorsOf("let x = not r;"), "3:9: `not` takes a boolean, not an integer\n");
}

TEST(Values, ARequirementSaysWhatItSaw) {
  EXPECT_EQ(ErrorsOf("require microbatches >= 2 * pp, \"at least 2 * pp microbatches\";"),
            "3:9: at least 2 * pp microbatches\n"
            "  3:9: `microbatches` is 3, `pp` is 2\n");
  EXPECT_EQ(ErrorsOf("require false;"), "3:9: the schedule requires this, and it does not hold\n");
  EXPECT_EQ(EvaluateText("schedule s {\n  require pp == 3, \"pp must be 3\";\n"
                         "  order on rank r { }\n}")
                .errors,
            "2:11: pp must be 3\n"
            "  2:11: `pp` is 2\n");
}

TEST(Values, ANameUsedAboveItsLet) {
  EXPECT_EQ(EvaluateText("schedule s {\n  let x = f(1);\n  let y = 3;\n  fn f(k) = y + k;\n"
                         "  order on rank r { }\n}")
                .errors,
            "4:13: `y` is not set yet where this is used\n");
}

// ---- limits
// ----------------------------------------------------------------------------------------

TEST(LimitErrors, Tasks) {
  EXPECT_EQ(ErrorsOf("repeat 1000000000000 { forward(0); backward(0); }",
                     {.pp = 2, .microbatches = 3, .limits = {.unrolled_tasks = 100}}),
            "3:24: the schedule runs more than the limit of 100 tasks (`unrolled_tasks`)\n"
            "  2:17: on rank 0\n");
  // Found before anything is allocated or run.
  EXPECT_EQ(
      EvaluateText(kGpipe, {.pp = 2, .microbatches = 1000000000000}).errors,
      "2:10: 2 stages of 1000000000000 microbatches need more than the limit of 4194304 tasks "
      "(`unrolled_tasks`)\n");
  EXPECT_EQ(EvaluateText(kGpipe, {.pp = 1000000, .microbatches = 4}).errors,
            "2:10: 1000000 stages of 4 microbatches need more than the limit of 4194304 tasks "
            "(`unrolled_tasks`)\n");
}

TEST(LimitErrors, ATaskLimitThatIsJustEnough) {
  EXPECT_TRUE(EvaluateText(kGpipe, {.limits = {.unrolled_tasks = 16}}).order);
  EXPECT_FALSE(EvaluateText(kGpipe, {.limits = {.unrolled_tasks = 15}}).order);
  EXPECT_TRUE(EvaluateText(kZeroBubbleH1, {.limits = {.unrolled_tasks = 24}}).order);
  EXPECT_FALSE(EvaluateText(kZeroBubbleH1, {.limits = {.unrolled_tasks = 23}}).order);
}

TEST(LimitErrors, Steps) {
  const ScheduleSetting few{.pp = 2, .microbatches = 3, .limits = {.evaluation_steps = 1000}};
  const std::string message =
      "evaluating the schedule takes more than the limit of 1000 steps (`evaluation_steps`)\n"
      "  2:17: on rank 0\n";
  EXPECT_EQ(ErrorsOf("for i in 0 .. 9223372036854775807 { }", few), "3:1: " + message);
  EXPECT_EQ(ErrorsOf("repeat 1000000000000 { let x = 1; }", few), "3:1: " + message);
  // Floats take the general way, which is counted too.
  EXPECT_EQ(ErrorsOf("repeat 1000000000000 { let x = 0.5 * r; }", few), "3:1: " + message);
  // Functions that double their work at every call.
  EXPECT_EQ(EvaluateText("schedule s {\n  fn f(k) = if k == 0 then 1 else f(k - 1) + f(k - 1);\n"
                         "  order on rank r { forward(f(100)); }\n}",
                         few)
                .errors,
            "3:21: evaluating the schedule takes more than the limit of 1000 steps "
            "(`evaluation_steps`)\n  3:17: on rank 0\n");
  EXPECT_EQ(EvaluateText("schedule s {\n  fn f(k) = if k == 0 then 0.5 else f(k - 1) + f(k - 1);\n"
                         "  order on rank r { let x = f(100); }\n}",
                         few)
                .errors,
            "3:21: evaluating the schedule takes more than the limit of 1000 steps "
            "(`evaluation_steps`)\n  3:17: on rank 0\n");
  EXPECT_EQ(EvaluateText("schedule s {\n  fn f(k) { if k > 0 { f(k - 1); f(k - 1); } }\n"
                         "  order on rank r { f(100); }\n}",
                         few)
                .error_count,
            1);
}

TEST(LimitErrors, Recursion) {
  EXPECT_EQ(EvaluateText("schedule s {\n  fn f(k) = f(k + 1);\n"
                         "  order on rank r { forward(f(0)); }\n}")
                .errors,
            "2:13: calls of functions nest deeper than the limit of 256\n");
  EXPECT_EQ(
      EvaluateText("schedule s {\n  fn f(k) { f(k + 1); }\n  order on rank r { f(0); }\n}").errors,
      "2:13: calls of functions nest deeper than the limit of 256\n");
  EXPECT_EQ(EvaluateText("schedule s {\n  fn f(k) = 0.5 * g(k);\n  fn g(k) = f(k) + 1;\n"
                         "  order on rank r { let x = f(0); }\n}")
                .errors,
            "2:19: calls of functions nest deeper than the limit of 256\n");
  // Deep enough for what recursion is good for.
  EXPECT_TRUE(EvaluateText("schedule s {\n"
                           "  fn sum(k) = if k == 0 then 0 else k + sum(k - 1);\n"
                           "  order on rank r { require sum(250) == 250 * 251 / 2;\n"
                           "    repeat 4 { forward(); backward(); } }\n}")
                  .order);
}

TEST(LimitErrors, NoMicrobatches) {
  EXPECT_EQ(EvaluateText(kGpipe, {.pp = 2, .microbatches = 0}).errors,
            "2:10: the schedule has 0 microbatches, it needs at least one\n"
            "  2:10: say how many: `train { microbatches = 8; }` in the file, or `--set microbatches=8`\n");
}

}  // namespace
}  // namespace pprun
