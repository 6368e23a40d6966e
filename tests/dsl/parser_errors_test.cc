// One mistake gives one error, at the right place, and bounds are errors that name the limit.
#include <gtest/gtest.h>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

// "line:column message" of each error.
std::string Errors(const std::string& text, const Limits& limits = {}) {
  const Parsed parsed = ParseText(text, limits);
  std::string all;
  for (const Diagnostic& diagnostic : parsed.diagnostics.all()) {
    const LineColumn at = parsed.files.Position(diagnostic.location);
    all +=
        std::to_string(at.line) + ":" + std::to_string(at.column) + " " + diagnostic.message + "\n";
    for (const DiagnosticNote& note : diagnostic.notes) all += "  " + note.message + "\n";
  }
  return all;
}

TEST(ParserErrorsTest, MissingSemicolons) {
  EXPECT_EQ(Errors("train {\n  steps = 500\n  seed = 1;\n}"), "2:14 expected `;` after `500`\n");
  EXPECT_EQ(Errors("model m { layer a { gelu } }"), "1:25 expected `;` after `gelu`\n");
  EXPECT_EQ(Errors("schedule gpipe"), "1:15 expected `{`, `(` or `;`, found the end\n");
}

TEST(ParserErrorsTest, EachStatementHasItsOwn) {
  EXPECT_EQ(Errors("mesh { pp 4; dp = ; }\nlet = 3;\nlet x = 1;\nlet y = (1 + ;\n"),
            "1:11 expected `=`, found `4`\n"
            "1:19 expected an expression, found `;`\n"
            "2:5 expected a name, found `=`\n"
            "4:14 expected an expression, found `;`\n");
}

TEST(ParserErrorsTest, AMisspeltKeywordTakesItsBlockWithIt) {
  EXPECT_EQ(Errors("shedule foo {\n  order on rank r { let x = 1; forward(i); }\n}\nmesh { }"),
            "1:1 expected a declaration (`mesh`, `model`, `stages`, `train`, `schedule`, ...), "
            "found `shedule`\n  did you mean `schedule`?\n");
  EXPECT_EQ(
      Errors("schedule s { order on rank r { fro i in 0 .. 3 { forward(i); } backward(0); } }"),
      "1:36 expected `(`, found `i`\n");
}

TEST(ParserErrorsTest, TheRestOfAnIfIsPartOfIt) {
  EXPECT_EQ(
      Errors("schedule s { order on rank r { if r + { } else { forward(0); } forward(1); } }"),
      "1:39 expected an expression, found `{`\n");
  EXPECT_EQ(Errors("schedule s { order on rank r { if r > 0 { forward( } else { forward(0); } } }"),
            "1:52 expected an expression or `)`, found `}`\n");
}

TEST(ParserErrorsTest, AnEmptyStage) {
  EXPECT_EQ(Errors("stages { a | | b }\nmesh { }"), "1:14 expected a name, found `|`\n");
}

TEST(ParserErrorsTest, Braces) {
  EXPECT_EQ(Errors("mesh { pp = 3;\nlet x = 2;"), "1:6 this `{` is never closed\n");
  EXPECT_EQ(Errors("mesh { pp = 3; } }\n"), "1:18 this `}` closes nothing\n");
}

TEST(ParserErrorsTest, CharactersAndStrings) {
  EXPECT_EQ(Errors("let x = 1 @@ 2;\nlet y = #;"),
            "1:11 this character is not part of the language\n"
            "2:9 this character is not part of the language\n");
  EXPECT_EQ(Errors("let x = \"abc;\nlet y = 2;"),
            "1:9 this string has no closing `\"` on its line\n");
  EXPECT_EQ(Errors(R"(let x = "a\qb";)"),
            "1:9 unknown escape in this string\n  known are `\\n`, `\\t`, `\\\"` and `\\\\`\n");
}

TEST(ParserErrorsTest, NumbersOutOfRange) {
  EXPECT_EQ(Errors("let x = 9223372036854775808;"),
            "1:9 this integer is too large: the largest is 9223372036854775807\n");
  EXPECT_EQ(Errors("let x = 1e999;"), "1:9 this number is outside the range of 64-bit floats\n");
}

TEST(ParserErrorsTest, WhatAPlanHasOnce) {
  EXPECT_EQ(Errors("mesh { }\nmesh { }"),
            "2:1 a second `mesh`: a plan has one\n  the first is here\n");
  EXPECT_EQ(Errors("schedule gpipe;\nschedule gpipe;"), "2:1 chosen a second time\n  first here\n");
  EXPECT_EQ(Errors("stages balance(flops);\nstages balance(layers);"),
            "2:1 a second `stages`: a plan has one\n  the first is here\n");
}

TEST(ParserErrorsTest, Utf8) {
  EXPECT_EQ(Errors("let x = 1; // \xff"), "1:15 this byte is not valid UTF-8\n");
  EXPECT_EQ(Errors("// \xc0\xaf"), "1:4 this byte is not valid UTF-8\n") << "overlong";
  EXPECT_EQ(Errors("// \xed\xa0\x80"), "1:4 this byte is not valid UTF-8\n") << "surrogate";
  EXPECT_EQ(Errors("// \xf4\x90\x80\x80"), "1:4 this byte is not valid UTF-8\n") << "too large";
  EXPECT_EQ(Errors("// \xe2\x82"), "1:4 this byte is not valid UTF-8\n") << "cut off";
  EXPECT_EQ(Errors("// \xf0\x9f\x8e\x89 \xe2\x82\xac\nmesh { }"), "");
  EXPECT_EQ(Errors("\xef\xbb\xbfmesh { }"),
            "1:1 this file begins with a byte order mark: remove it\n");
}

TEST(ParserErrorsTest, NestingIsLimited) {
  const auto repeat = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  const std::string limit = "the limit `nesting` is 256\n";
  const std::string deep[] = {
      "let x = " + repeat("(", 100'000) + "1" + repeat(")", 100'000) + ";",
      "let x = " + repeat("1 + ", 100'000) + "1;",
      "let x = " + repeat("-", 100'000) + "1;",
      "let x = " + repeat("not ", 100'000) + "true;",
      "let x = " + repeat("if a then b else ", 100'000) + "1;",
      "let x = " + repeat("f(", 100'000) + repeat(")", 100'000) + ";",
      "model m { layer a { " + repeat("residual { ", 100'000) + repeat("}", 100'002),
      "schedule s { order on rank r { " + repeat("if a { } else ", 100'000) + "{ } } }",
      "schedule s { greedy on rank r { limit in_flight <= " + repeat("(", 100'000) + "1" +
          repeat(")", 100'000) + "; } }",
  };
  for (const std::string& text : deep) {
    const std::string errors = Errors(text);
    ASSERT_GE(errors.size(), limit.size()) << text.substr(0, 40);
    EXPECT_EQ(errors.substr(errors.size() - limit.size()), limit) << text.substr(0, 40);
  }
  EXPECT_EQ(Errors("let x = " + repeat("(", 200) + "1" + repeat(")", 200) + ";"), "");
  EXPECT_EQ(Errors(repeat("let x = 1 + 1;\n", 1000)), "") << "statements do not nest";
}

TEST(ParserErrorsTest, TheSizeOfAFileIsLimited) {
  Limits limits;
  limits.source_bytes = 100;
  EXPECT_EQ(Errors(std::string(101, ' '), limits),
            "1:1 this file has 101 bytes: the limit `source_bytes` is 100\n");
  EXPECT_EQ(Errors(std::string(100, ' '), limits), "");
}

TEST(ParserErrorsTest, EmptyFilesAreFine) {
  EXPECT_EQ(Errors(""), "");
  EXPECT_EQ(Errors("// nothing"), "");
}

}  // namespace
}  // namespace pprun
