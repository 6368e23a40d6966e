// pprun's losses over 20 steps of both example plans against those that PyTorch computed from the
// same weights on the same tokens (train.py; README.md says how to make the files anew).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/plan/base/json.h"
#include "runtime/run.h"
#include "tests/reference/training_inputs.h"

namespace pprun {
namespace {

const std::string kSource = PPRUN_SOURCE_FOLDER;

std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) ADD_FAILURE() << "cannot read " << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<double> Numbers(const JsonValue& list) {
  std::vector<double> numbers;
  for (const JsonValue& item : list.items) numbers.push_back(item.number);
  return numbers;
}

// Trains the plan, and gives the losses of its metrics file.
std::vector<double> LossesOf(const Plan& plan, const std::string& scratch) {
  std::ostringstream out, err;
  RunPlan(plan, {.threads = 1, .metrics = scratch, .voice = RunOptions::Voice::kQuiet}, out, err);
  std::vector<double> losses;
  std::istringstream lines(ReadWholeFile(scratch));
  for (std::string line; std::getline(lines, line);) {
    losses.push_back(ParseJson(line).Find("loss")->number);
  }
  std::filesystem::remove(scratch);
  return losses;
}

struct Case {
  std::string name;
  std::vector<Override> overrides;
  double tolerance = 1e-4;  // relative
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

class Reference : public testing::TestWithParam<Case> {};

TEST_P(Reference, LossesAreThoseOfPyTorch) {
  for (const std::string family : {"gpt", "llama"}) {
    SCOPED_TRACE(family);
    CompileOptions options{.overrides = GetParam().overrides};
    options.overrides.push_back({"train.steps", "20"});
    const Compilation compilation = Compile(kSource + "/examples/" + family + ".sched", options);
    ASSERT_TRUE(compilation.plan) << compilation.Messages();
    const JsonValue reference =
        ParseJson(ReadWholeFile(kSource + "/tests/reference/" + family + "_losses.json"));
    ASSERT_EQ(reference.Find("tokens")->string, HashOf(TokensOf(*compilation.plan)))
        << "the plan's data changed: make the reference anew, see tests/reference/README.md";
    const std::vector<double> expected = Numbers(*reference.Find("losses"));
    const std::vector<double> losses =
        LossesOf(*compilation.plan, testing::TempDir() + "reference_" + family + GetParam().name);
    ASSERT_EQ(expected.size(), 20U);
    ASSERT_EQ(losses.size(), 20U);
    for (size_t step = 0; step < 20; ++step) {
      EXPECT_NEAR(losses[step], expected[step], GetParam().tolerance * expected[step])
          << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Meshes, Reference,
                         testing::Values(Case{"as_written", {}}, Case{"one_replica", {{"dp", "1"}}},
                                         // Eight bits of mantissa; PyTorch computed in fp32.
                                         Case{"bfloat16", {{"precision", "bf16"}}, 2e-3}),
                         [](const auto& information) { return information.param.name; });

}  // namespace
}  // namespace pprun
