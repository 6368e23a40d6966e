// The text of a tree: parsing it again gives the same text.
#include "dsl/ast_text.h"

#include <gtest/gtest.h>

#include "dsl/syntax.h"
#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

std::string Expression(const std::string& text) {
  ast::Program program;
  Diagnostics diagnostics;
  const auto id = ParseValue(text, Limits{}, program, diagnostics);
  return id.has_value() ? ToText(program, *id) : diagnostics.all().front().message;
}

TEST(AstTextTest, ParenthesesOnlyWhereNeeded) {
  EXPECT_EQ(Expression("((1 + (2 * 3)))"), "1 + 2 * 3");
  EXPECT_EQ(Expression("(1 + 2) * 3"), "(1 + 2) * 3");
  EXPECT_EQ(Expression("1 - (2 - 3)"), "1 - (2 - 3)");
  EXPECT_EQ(Expression("(1 - 2) - 3"), "1 - 2 - 3");
  EXPECT_EQ(Expression("-(1 + 2)"), "-(1 + 2)");
  EXPECT_EQ(Expression("not (a and b)"), "not (a and b)");
  EXPECT_EQ(Expression("(not a) and b"), "not a and b");
  EXPECT_EQ(Expression("(a or b) and c"), "(a or b) and c");
  EXPECT_EQ(Expression("(if a then b else c) + 1"), "(if a then b else c) + 1");
  EXPECT_EQ(Expression("(a == b) == (c < d)"), "a == b == c < d");
}

TEST(AstTextTest, Literals) {
  EXPECT_EQ(Expression("25 MiB"), "25 MiB");
  EXPECT_EQ(Expression("2048 KiB"), "2 MiB");
  EXPECT_EQ(Expression("0.0003"), "3e-4");
  EXPECT_EQ(Expression("1.50"), "1.5");
  EXPECT_EQ(Expression("100.0"), "100.0");
  EXPECT_EQ(Expression("1e100"), "1e+100");
  EXPECT_EQ(Expression("\"a\\n\\\"\""), "\"a\\n\\\"\"");
}

void ExpectStable(const std::string& source) {
  const Parsed first = ParseText(source);
  ASSERT_EQ(first.Messages(), "");
  const std::string text = ToText(first.program);
  const Parsed second = ParseText(text);
  ASSERT_EQ(second.Messages(), "") << text;
  EXPECT_EQ(ToText(second.program), text);
}

TEST(AstTextTest, ParsingTheTextGivesTheSameText) {
  ExpectStable(kWholePlan);
  ExpectStable(
      "stages { a b[1] | b[2 .. n] | c }\nmodel gpt(depth = 3) { layer a { } }\nmodel gpt;");
  ExpectStable(R"(
schedule own(lag = 2 * pp) {
  let total = microbatches; require total >= pp, "too few"; require pp > 1;
  fn clamp(k, at) = if k < total then k else at;
  fn both(i) { input_grad(i); weight_grad(oldest); }
  order on rank r {
    for i in 0 .. clamp(r, 2) { forward(i); }
    repeat pp - r { overlap { forward(); backward(); } }
    if left(forward) > 0 { both(r); } else if pending > 0 { weight_grad(0); } else { forward(0); }
  }
})");
}

}  // namespace
}  // namespace pprun
