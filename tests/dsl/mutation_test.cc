// Never a crash, whatever the bytes: mutated plans through the whole front end, from a seed.
//
// More of them: PPRUN_MUTATIONS=1000000 dsl_mutation_test. The libFuzzer target
// tests/fuzz/parse_fuzz.cc runs the same chain.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

constexpr uint64_t kSeed = 20240517;

int64_t Count() {
  const char* count = std::getenv("PPRUN_MUTATIONS");
  return count == nullptr ? 6000 : std::atoll(count);
}

const std::vector<std::string>& Pieces() {
  static const std::vector<std::string> pieces = {"{",
                                                  "}",
                                                  "(",
                                                  ")",
                                                  "[",
                                                  "]",
                                                  ";",
                                                  ",",
                                                  "|",
                                                  "=",
                                                  "..",
                                                  "-",
                                                  "not ",
                                                  "if ",
                                                  "else ",
                                                  "let ",
                                                  "model ",
                                                  "layer ",
                                                  "repeat ",
                                                  "residual ",
                                                  "schedule ",
                                                  "order on rank r ",
                                                  "for i in 0 .. ",
                                                  "place chunk 0 on rank r as stage r of pipe 0;",
                                                  "place ",
                                                  "greedy ",
                                                  "9223372036854775807",
                                                  "0",
                                                  "1e999",
                                                  "25 MiB",
                                                  "\"",
                                                  "\\",
                                                  "//",
                                                  "\xff",
                                                  "\xe2\x82\xac",
                                                  "\n",
                                                  "import \"x\";",
                                                  "stages ",
                                                  "block[",
                                                  "heads",
                                                  "pp",
                                                  "overlap ",
                                                  "fn f(k) = f(k);",
                                                  "0 / 0",
                                                  "min(",
                                                  "forward(i);",
                                                  "left(forward)",
                                                  "as \"a\""};
  return pieces;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string Mutate(std::string text) {
    const int changes = 1 + Below(6);
    for (int i = 0; i < changes; ++i) Change(text);
    return text;
  }

 private:
  int Below(size_t bound) { return static_cast<int>(random_() % std::max<size_t>(1, bound)); }
  size_t Place(const std::string& text) { return static_cast<size_t>(Below(text.size() + 1)); }

  void Change(std::string& text) {
    const size_t at = Place(text);
    const size_t length = static_cast<size_t>(Below(40));
    switch (Below(6)) {
      case 0:
        text.insert(at, Pieces()[static_cast<size_t>(Below(Pieces().size()))]);
        return;
      case 1:
        text.erase(at, length);
        return;
      case 2:  // a stretch again, elsewhere
        text.insert(Place(text), std::string(text, at, length));
        return;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        return;
      case 4: {  // one piece many times over
        const std::string& piece = Pieces()[static_cast<size_t>(Below(Pieces().size()))];
        std::string many;
        for (int i = Below(400); i > 0; --i) many += piece;
        text.insert(at, many);
        return;
      }
      default:  // a number becomes another one
        for (size_t i = at; i < text.size(); ++i) {
          if (text[i] < '0' || text[i] > '9') continue;
          text.replace(i, 1, std::to_string(random_() >> Below(64)));
          return;
        }
    }
  }

  std::mt19937_64 random_;
};

TEST(MutationTest, NothingCrashesAndErrorsHavePlaces) {
  std::vector<std::string> seeds = {kWholePlan, std::string("mesh { pp = 2; }") + kSmallModel +
                                                    kSmallTrain +
                                                    "stages { embed block[0..3] | block[3] head }"};
  for (const auto& [name, text] : BuiltInSchedules()) seeds.push_back(text);
  int64_t accepted = 0;
  const int64_t count = Count();
  for (int64_t i = 0; i < count; ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " + " + std::to_string(i));
    Mutator mutator(kSeed + static_cast<uint64_t>(i));
    const std::string& seed = seeds[static_cast<size_t>(i) % seeds.size()];
    const Checked checked = CheckText(mutator.Mutate(seed), {{"pp", i % 2 == 0 ? "2" : "1"}});
    ASSERT_EQ(checked.program.has_value(), !checked.diagnostics.HasErrors());
    EXPECT_LE(checked.diagnostics.all().size(), kMostDiagnostics);
    for (const Diagnostic& diagnostic : checked.diagnostics.all()) {
      ASSERT_FALSE(diagnostic.message.empty());
      if (diagnostic.location.file == kCommandLine.file) continue;
      ASSERT_LE(diagnostic.location.begin, checked.files.Text(diagnostic.location.file).size());
    }
    EXPECT_EQ(checked.Messages().empty(), !checked.diagnostics.HasErrors());
    if (checked.program.has_value()) {
      ++accepted;
      EXPECT_FALSE(ToText(*checked.program).empty());
    }
  }
  // Mutations that leave a plan whole reach the end of the chain.
  EXPECT_GT(accepted, count / 200);
}

TEST(MutationTest, TheTextOfWhatParsesParsesAgain) {
  for (int64_t i = 0; i < Count() / 4; ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " + " + std::to_string(i));
    Mutator mutator(kSeed + static_cast<uint64_t>(i));
    const Parsed first = ParseText(mutator.Mutate(kWholePlan));
    if (first.diagnostics.HasErrors() || !first.program.imports.empty()) continue;
    const std::string text = ToText(first.program);
    const Parsed second = ParseText(text);
    ASSERT_EQ(second.Messages(), "") << text;
    ASSERT_EQ(ToText(second.program), text);
  }
}

}  // namespace
}  // namespace pprun
