// Command lines.
#include "compiler/plan/base/arguments.h"

#include <gtest/gtest.h>

namespace pprun {
namespace {

struct Example {
  std::string plan;
  std::optional<std::string> trace;
  std::vector<std::string> settings;
  int64_t width = 100;
  double rate = 0.5;
  std::optional<int64_t> seed;
  std::optional<std::string> written;
  Switch quiet = Switch::kOff;
  ArgumentsResult result;
  std::string help;

  explicit Example(std::vector<const char*> words) {
    Arguments arguments("pprun", "executes a plan");
    arguments.Positional("PLAN", "a plan", &plan);
    arguments.Flag("trace", "FILE", "write what ran when", &trace);
    arguments.Flag("set", "NAME=VALUE", "override a setting", &settings);
    arguments.Flag("width", "COLUMNS", "of the picture", &width);
    arguments.Flag("rate", "R", "a number", &rate);
    arguments.Flag("seed", "N", "a seed", &seed);
    arguments.Flag("w", "FILE", "write it", &written);
    arguments.Flag("quiet", "", "say less", &quiet);
    words.insert(words.begin(), "pprun");
    result = arguments.Parse(static_cast<int>(words.size()), words.data());
    help = arguments.Help();
  }
};

TEST(Arguments, BothFormsOfAFlagListsAndPositionals) {
  const Example example({"--set", "pp=2", "a.sched", "--set=train.steps=3", "--trace=t=1.json",
                         "--quiet", "--width", "-5", "-w", "out", "--rate=1e-3", "--seed", "7"});
  EXPECT_EQ(example.result.kind, ArgumentsResult::Kind::kParsed) << example.result.text;
  EXPECT_EQ(example.plan, "a.sched");
  EXPECT_EQ(example.settings, (std::vector<std::string>{"pp=2", "train.steps=3"}));
  EXPECT_EQ(example.trace, "t=1.json");
  EXPECT_EQ(example.quiet, Switch::kOn);
  EXPECT_EQ(example.width, -5);
  EXPECT_EQ(example.rate, 1e-3);
  EXPECT_EQ(example.seed, 7);
  EXPECT_EQ(example.written, "out");
}

TEST(Arguments, DefaultsStayAndFlagsEnd) {
  const Example example({"--", "--trace"});
  EXPECT_EQ(example.result.kind, ArgumentsResult::Kind::kParsed);
  EXPECT_EQ(example.plan, "--trace");
  EXPECT_EQ(example.trace, std::nullopt);
  EXPECT_EQ(example.width, 100);
}

TEST(Arguments, SaysWhatIsWrong) {
  const auto wrong = [](std::vector<const char*> words) {
    const Example example(std::move(words));
    EXPECT_EQ(example.result.kind, ArgumentsResult::Kind::kWrong);
    return example.result.text;
  };
  EXPECT_EQ(wrong({"a", "--trase=x"}), "unknown flag `--trase`; did you mean `--trace`?");
  EXPECT_EQ(wrong({"a", "--help=3"}), "`--help` takes no value");
  EXPECT_EQ(wrong({"a", "--frobnicate"}), "unknown flag `--frobnicate`");
  EXPECT_EQ(wrong({"a", "-q"}), "unknown flag `-q`");
  EXPECT_EQ(wrong({"a", "-quiet"}),
            "unknown flag `-quiet`; flags have two dashes, those of one letter one");
  EXPECT_EQ(wrong({"a", "-w"}), "`-w` needs a value: FILE");
  EXPECT_EQ(wrong({}), "PLAN is missing: a plan");
  EXPECT_EQ(wrong({"a", "b"}), "unexpected argument `b`");
  EXPECT_EQ(wrong({"a", "--width"}), "`--width` needs a value: COLUMNS");
  EXPECT_EQ(wrong({"a", "--width=4x"}), "`--width`: an integer expected, `4x` found");
  EXPECT_EQ(wrong({"a", "--rate="}), "`--rate`: a number expected, `` found");
  EXPECT_EQ(wrong({"a", "--quiet=1"}), "`--quiet` takes no value");
  EXPECT_EQ(wrong({"a", "--seed=1", "--seed=2"}), "`--seed` is given twice");
}

TEST(Arguments, HelpNamesEveryFlag) {
  const Example example({"--help"});
  EXPECT_EQ(example.result.kind, ArgumentsResult::Kind::kHelp);
  EXPECT_EQ(example.result.text, example.help);
  for (const char* text : {"usage: pprun PLAN [flags]", "--trace=FILE", "write what ran when",
                           "--set=NAME=VALUE", "--quiet ", "-w FILE", "--help"}) {
    EXPECT_NE(example.help.find(text), std::string::npos) << text;
  }
}

TEST(Arguments, NearestWord) {
  EXPECT_EQ(NearestWord("gpip", {"gpipe", "one_f_one_b"}), "gpipe");
  EXPECT_EQ(NearestWord("ecxt", {"exct", "zzz"}), "exct");
  EXPECT_EQ(NearestWord("x", {"abc"}), std::nullopt);
}

}  // namespace
}  // namespace pprun
