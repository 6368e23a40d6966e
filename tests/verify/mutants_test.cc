// Mutants of the plans of every built-in schedule, larger than those of compiled_damage_test: the
// verifier's verdict is that of the oracle (who happens before whom, then what every byte holds),
// which shares none of its code. A sample in every run; a million with PPRUN_MUTANTS=1000000, of
// other seeds with PPRUN_MUTANTS_SEED=n.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/passes/compile_text.h"
#include "tests/verify/compare_with_oracle.h"

namespace pprun {
namespace {

int64_t Setting(const char* name, int64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoll(value, nullptr, 10);
}

struct Case {
  std::string schedule;
  int pp = 4;
  int microbatches = 8;
  int dp = 1;
  std::string gradients = "flat";
  std::string precision = "fp32";
};

std::vector<Case> Cases() {
  return {{"gpipe"},
          {"one_f_one_b", 4, 8, 2, "ddp(bucket = 1 KiB, overlap = true)"},
          {"eager_one_f_one_b"},
          {"interleaved_one_f_one_b(chunks = 2)", 4, 8},
          {"breadth_first(chunks = 2)", 3, 6, 2, "naive"},
          {"zero_bubble_h1", 4, 8, 2, "ddp(bucket = 1 KiB, overlap = true)"},
          {"zero_bubble_h2", 4, 8},
          {"interleaved_zero_bubble(chunks = 2)", 4, 8},
          {"zero_bubble_v", 4, 8},
          {"v_half", 4, 8},
          {"v_min", 4, 8},
          {"dualpipe_v", 3, 8},
          {"dualpipe", 4, 8, 1, "ddp(bucket = 1 KiB, overlap = true)"},
          {"one_f_one_b", 3, 6, 1, "flat", "bf16"}};
}

// As small a model as has a layer a stage.
std::string Source(const Case& c) {
  return "mesh { pp = " + std::to_string(c.pp) + "; dp = " + std::to_string(c.dp) +
         "; }\nmodel small {\n  layer embed { embedding(4, 2); }\n"
         "  layer block repeat 6 { linear(2, bias = false); }\n"
         "  layer head { linear(4, bias = false); cross_entropy; }\n}\nstages balance(layers);\n"
         "train {\n  data = synthetic(seed = 1); sequence = 1; batch = " +
         std::to_string(c.dp * c.microbatches) +
         "; microbatches = " + std::to_string(c.microbatches) +
         "; steps = 2; seed = 1; precision = " + c.precision +
         ";\n  optimizer = sgd(lr = 1e-3, clip = 1.0);\n"
         "  validation = synthetic(seed = 2); validate_every = 1; validate_batches = 1;\n}\n"
         "schedule " +
         c.schedule + ";\ngradients " + c.gradients + ";\n";
}

TEST(Mutants, OfTheLibraryHaveTheVerdictOfTheOracle) {
  const auto seed = static_cast<uint64_t>(Setting("PPRUN_MUTANTS_SEED", 20240603));
  const int64_t mutants = Setting("PPRUN_MUTANTS", 700);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::vector<Case> cases = Cases();
  const auto count = static_cast<int64_t>(cases.size());
  Comparison total;
  for (int64_t i = 0; i < count; ++i) {
    const Case& c = cases[static_cast<size_t>(i)];
    SCOPED_TRACE(c.schedule);
    const CompiledText compiled = CompileText(Source(c));
    ASSERT_TRUE(compiled.result.plan.has_value());
    const int64_t share = mutants / count + (i < mutants % count ? 1 : 0);
    const Comparison one = CompareWithOracle(*compiled.result.plan, seed, static_cast<int>(share));
    total.sound += one.sound;
    total.unsound += one.unsound;
    total.types += one.types;
    if (HasFailure()) break;
  }
  std::printf("%d mutants: %d sound, %d unsound, %d not compared\n",
              total.sound + total.unsound + total.types, total.sound, total.unsound, total.types);
  if (mutants >= 700) {
    EXPECT_GT(total.sound, mutants / 20);
    EXPECT_GT(total.unsound, mutants / 2);
    EXPECT_LT(total.types, mutants / 10);
  }
}

}  // namespace
}  // namespace pprun
