// JSON, both ways.
#include "compiler/plan/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pprun {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string Number(double number) {
  std::string out;
  AppendJsonNumber(out, number);
  return out;
}

TEST(Json, WritesStringsThatReadBack) {
  EXPECT_EQ(Quoted("a \"b\" \\ \n \t \x01 é"), "\"a \\\"b\\\" \\\\ \\n \\t \\u0001 é\"");
  for (const std::string text : {"", "plain", "\"\\\b\f\n\r\t\x1f", "héllo ☃ 🚀"}) {
    EXPECT_EQ(ParseJson(Quoted(text)).string, text);
  }
  EXPECT_EQ(Quoted("a\xff"
                   "b\xc3"),
            "\"a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\"");
}

TEST(Json, WritesNumbersThatReadBack) {
  for (const double number : {0.0, -1.5, 1e300, 5e-324, 0.1, 123456789.0}) {
    EXPECT_EQ(ParseJson(Number(number)).number, number);
  }
  EXPECT_EQ(Number(std::nan("")), "null");
  EXPECT_EQ(Number(std::numeric_limits<double>::infinity()), "null");
}

TEST(Json, ReadsDocuments) {
  const JsonValue value = ParseJson(
      R"( {"dtype": "F32", "shape": [2, 3], "on": true, "off": false, "none": null, "n": -1.5e2} )");
  ASSERT_EQ(value.kind, JsonValue::Kind::kObject);
  EXPECT_EQ(value.members.size(), 6u);
  EXPECT_EQ(value.Find("dtype")->string, "F32");
  EXPECT_EQ(value.Find("shape")->items[1].Integer(), 3);
  EXPECT_TRUE(value.Find("on")->boolean);
  EXPECT_EQ(value.Find("off")->kind, JsonValue::Kind::kBoolean);
  EXPECT_EQ(value.Find("none")->kind, JsonValue::Kind::kNull);
  EXPECT_EQ(value.Find("n")->number, -150);
  EXPECT_EQ(value.Find("n")->Integer(), -150);
  EXPECT_EQ(ParseJson("0.5").Integer(), std::nullopt);
  EXPECT_EQ(ParseJson("1e300").Integer(), std::nullopt);
  EXPECT_EQ(value.Find("missing"), nullptr);
  EXPECT_EQ(ParseJson(R"("\u00e9\ud83d\ude80")").string, "é🚀");
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[1,]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "nul",
                           "tru",
                           "\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\n\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "1 2",
                           "[1]]",
                           "{\"a\":1,\"a\":2}",
                           "1e999",
                           "NaN",
                           "'a'"}) {
    EXPECT_THROW(ParseJson(text), JsonError) << text;
  }
  try {
    ParseJson("{\"a\": 1 \"b\"}");
    FAIL();
  } catch (const JsonError& error) {
    EXPECT_STREQ(error.what(), "byte 8: `,` or `}` expected");
  }
}

TEST(Json, BoundsTheNesting) {
  EXPECT_NO_THROW(ParseJson(std::string(60, '[') + std::string(60, ']')));
  EXPECT_THROW(ParseJson(std::string(100000, '[')), JsonError);
  EXPECT_THROW(ParseJson("[[1]]", 1), JsonError);
}

}  // namespace
}  // namespace pprun
