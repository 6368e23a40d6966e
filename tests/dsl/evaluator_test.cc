// Values of expressions: arithmetic, comparison, logic, functions, and what is wrong with them.
#include "dsl/evaluator.h"

#include <gtest/gtest.h>

#include <map>

#include "dsl/syntax.h"

namespace pprun {
namespace {

class FixedNames : public Environment {
 public:
  std::optional<Constant> Lookup(std::string_view name) const override {
    const auto found = values_.find(std::string(name));
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) names.push_back(name);
    return names;
  }
  std::optional<Constant> CallFunction(const ast::Call& call, ast::Location,
                                       Diagnostics&) override {
    if (call.callee.text != "seven") return std::nullopt;
    return Constant{int64_t{7}};
  }

 private:
  std::map<std::string, Constant> values_ = {{"pp", Constant{int64_t{4}}},
                                             {"rate", Constant{0.5}},
                                             {"yes", Constant{true}},
                                             {"broken", Constant{ErrorValue{}}}};
};

// The value as text, or the first message in angle brackets.
std::string Result(const std::string& text) {
  ast::Program program;
  Diagnostics diagnostics;
  const auto expression = ParseValue(text, Limits{}, program, diagnostics);
  if (!expression.has_value()) return "<" + diagnostics.all().front().message + ">";
  FixedNames names;
  const Constant value = Evaluate(program, *expression, names, diagnostics);
  if (diagnostics.HasErrors()) {
    EXPECT_TRUE(value.IsError()) << text;
    EXPECT_EQ(diagnostics.errors(), 1) << text;
    return "<" + diagnostics.all().front().message + ">";
  }
  return ToString(value);
}

TEST(EvaluatorTest, Integers) {
  EXPECT_EQ(Result("1 + 2 * 3"), "7");
  EXPECT_EQ(Result("(1 + 2) * 3"), "9");
  EXPECT_EQ(Result("10 - 4 - 3"), "3");
  EXPECT_EQ(Result("2 - -3"), "5");
  EXPECT_EQ(Result("-2 * 3"), "-6");
  EXPECT_EQ(Result("2 * pp + 1"), "9");
}

TEST(EvaluatorTest, DivisionRoundsDown) {
  EXPECT_EQ(Result("7 / 2"), "3");
  EXPECT_EQ(Result("-7 / 2"), "-4");
  EXPECT_EQ(Result("7 / -2"), "-4");
  EXPECT_EQ(Result("-8 / 2"), "-4");
  EXPECT_EQ(Result("7 % 3"), "1");
  EXPECT_EQ(Result("-7 % 3"), "2");
  EXPECT_EQ(Result("7 % -3"), "-2");
  EXPECT_EQ(Result("-6 % 3"), "0");
}

TEST(EvaluatorTest, OverflowIsAnError) {
  EXPECT_EQ(Result("9223372036854775807 + 1"), "<this sum overflows 64 bits>");
  EXPECT_EQ(Result("-9223372036854775807 - 2"), "<this difference overflows 64 bits>");
  EXPECT_EQ(Result("4294967296 * 4294967296"), "<this product overflows 64 bits>");
  EXPECT_EQ(Result("(-9223372036854775807 - 1) / -1"), "<this quotient overflows 64 bits>");
  EXPECT_EQ(Result("(-9223372036854775807 - 1) % -1"), "0");
  // The product of quotient and divisor does not fit; the remainder does.
  EXPECT_EQ(Result("(-9223372036854775807 - 1) % 3"), "1");
  EXPECT_EQ(Result("9223372036854775807 % -4611686018427387905"), "-3");
  EXPECT_EQ(Result("-(-9223372036854775807 - 1)"), "<this negation overflows 64 bits>");
  EXPECT_EQ(Result("ceil(1e300)"), "<`ceil` overflows 64 bits>");
  EXPECT_EQ(Result("1e300 * 1e300"), "<this product is not a finite number>");
}

TEST(EvaluatorTest, DivisionByZero) {
  EXPECT_EQ(Result("1 / 0"), "<division by zero>");
  EXPECT_EQ(Result("1 % (pp - 4)"), "<division by zero>");
  EXPECT_EQ(Result("1.0 / 0"), "<division by zero>");
}

TEST(EvaluatorTest, Sizes) {
  EXPECT_EQ(Result("1 KiB"), "1024");
  EXPECT_EQ(Result("25 MiB"), "26214400");
  EXPECT_EQ(Result("2 * 1 GiB"), "2147483648");
  EXPECT_EQ(Result("9223372036854775807 KiB"),
            "<this size is too large: it has more than 2^63 bytes>");
}

TEST(EvaluatorTest, Floats) {
  EXPECT_EQ(Result("3e-4"), "3e-4");
  EXPECT_EQ(Result("1 + rate"), "1.5");
  EXPECT_EQ(Result("1 / 2.0"), "0.5");
  EXPECT_EQ(Result("2 * 1.5"), "3.0");
  EXPECT_EQ(Result("1.5 % 1"), "<`%` takes integers, not floats>");
}

TEST(EvaluatorTest, Comparisons) {
  EXPECT_EQ(Result("1 < 2"), "true");
  EXPECT_EQ(Result("2 <= 1"), "false");
  EXPECT_EQ(Result("1 == 1.0"), "true");
  EXPECT_EQ(Result("pp != 4"), "false");
  EXPECT_EQ(Result("9223372036854775807 == 9223372036854775806"), "false");
  EXPECT_EQ(Result("yes == true"), "true");
  EXPECT_EQ(Result("\"a\" == \"b\""), "false");
  EXPECT_EQ(Result("1 == true"), "<this comparison has an integer and a boolean>");
  EXPECT_EQ(Result("\"a\" < \"b\""),
            "<this comparison has a string and a string: it takes numbers>");
}

TEST(EvaluatorTest, LogicStopsAtTheSideThatDecides) {
  EXPECT_EQ(Result("yes and 1 < 2"), "true");
  EXPECT_EQ(Result("yes or 1 / 0 == 1"), "true");
  EXPECT_EQ(Result("not yes and 1 / 0 == 1"), "false");
  EXPECT_EQ(Result("not (1 == 2)"), "true");
  EXPECT_EQ(Result("not 1 == 2"), "true");
  EXPECT_EQ(Result("1 and yes"), "<`and` takes booleans, not an integer>");
  EXPECT_EQ(Result("not 1"), "<`not` takes a boolean, not an integer>");
}

TEST(EvaluatorTest, Conditionals) {
  EXPECT_EQ(Result("if pp > 2 then 1 else 2"), "1");
  EXPECT_EQ(Result("if pp < 2 then 1 / 0 else 2"), "2");
  EXPECT_EQ(Result("1 + if yes then 2 else 3 + 4"), "3");
  EXPECT_EQ(Result("if false then 1 else if true then 2 else 3"), "2");
  EXPECT_EQ(Result("if 1 then 2 else 3"), "<the condition of `if` is an integer, not a boolean>");
}

TEST(EvaluatorTest, Functions) {
  EXPECT_EQ(Result("min(3, 1, 2)"), "1");
  EXPECT_EQ(Result("max(3, 1, 2)"), "3");
  EXPECT_EQ(Result("max(1, 0.5)"), "1.0");
  EXPECT_EQ(Result("ceil(7 / 2.0)"), "4");
  EXPECT_EQ(Result("floor(-0.5)"), "-1");
  EXPECT_EQ(Result("seven() + 1"), "8");
  EXPECT_EQ(Result("min()"), "<`min` takes at least one number>");
  EXPECT_EQ(Result("ceil(1, 2)"), "<`ceil` takes one number>");
  EXPECT_EQ(Result("min(a = 1)"), "<`min` takes numbers, without names>");
  EXPECT_EQ(Result("maks(1)"), "<unknown function `maks`>");
}

TEST(EvaluatorTest, Tuples) {
  EXPECT_EQ(Result("(0.9, 0.95)"), "(0.9, 0.95)");
  EXPECT_EQ(Result("(1, 2) == (1, 2)"), "true");
  EXPECT_EQ(Result("((1, 2), 3)"), "<a tuple holds no tuples>");
  EXPECT_EQ(Result("(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)"),
            "<a tuple has at most 16 items>");
}

TEST(EvaluatorTest, UnknownNamesAndErrorsThatSpread) {
  EXPECT_EQ(Result("rat + 1"), "<unknown name `rat`>");
  // Reported where it arose, not again.
  ast::Program program;
  Diagnostics diagnostics;
  const auto expression = ParseValue("min(broken + 1, 2) < 3", Limits{}, program, diagnostics);
  FixedNames names;
  EXPECT_TRUE(Evaluate(program, expression.value(), names, diagnostics).IsError());
  EXPECT_FALSE(diagnostics.HasErrors());
}

TEST(EvaluatorTest, KindsAreRequiredByName) {
  ast::Program program;
  Diagnostics diagnostics;
  const auto expression = ParseValue("1.5", Limits{}, program, diagnostics);
  FixedNames names;
  EXPECT_FALSE(EvaluateInteger(program, *expression, names, diagnostics, "`batch`").has_value());
  EXPECT_EQ(diagnostics.all().back().message, "`batch` is a float, not an integer");
  EXPECT_FALSE(EvaluateBoolean(program, *expression, names, diagnostics, "`bias`").has_value());
  EXPECT_EQ(diagnostics.all().back().message, "`bias` is a float, not a boolean");
}

}  // namespace
}  // namespace pprun
