// Random damage to compiled plans: the verifier and the oracle always agree. More with
// PPRUN_DAMAGE_RUNS=n; one again with PPRUN_DAMAGE_SEED=n PPRUN_DAMAGE_RUNS=1.
#include <cstdio>
#include <cstdlib>

#include "tests/passes/compile_text.h"
#include "tests/verify/compare_with_oracle.h"

namespace pprun {
namespace {

long Setting(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtol(value, nullptr, 10);
}

// Small enough for the oracle, which looks at every pair of accesses.
std::string Source(int pp, int dp, const std::string& schedule, const std::string& gradients,
                   const std::string& head) {
  return "mesh { pp = " + std::to_string(pp) + "; dp = " + std::to_string(dp) +
         "; }\nmodel small {\n  layer embed { embedding(16, 8); positions(4); }\n"
         "  layer block repeat 2 { residual { rms_norm; linear(8); gelu; dropout(0.1); } }\n"
         "  layer head { layer_norm; " +
         head +
         "; cross_entropy; }\n}\ntrain {\n  data = synthetic(seed = 1); sequence = 4; batch = 12;"
         " microbatches = 3; steps = 2; seed = 1;\n  optimizer = adamw(lr = 1e-3, clip = 1.0);\n"
         "  validation = synthetic(seed = 2); validate_every = 1; validate_batches = 1;\n}\n"
         "schedule " +
         schedule + "\ngradients " + gradients + ";\n";
}

TEST(CompiledDamage, VerifierAndOracleAgree) {
  const uint64_t seed = static_cast<uint64_t>(Setting("PPRUN_DAMAGE_SEED", 20240602));
  const int runs = static_cast<int>(Setting("PPRUN_DAMAGE_RUNS", 200));
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::string halves =
      "apart { order on rank r { for i in 0 .. microbatches { forward(i); }"
      " for i in 0 .. microbatches { input_grad(i); }"
      " for i in 0 .. microbatches { weight_grad(i); } } }\nschedule apart;";
  const std::string untied = "linear(16, bias = false)";
  const std::string tied = "linear(16, bias = false, tied = embed)";
  Comparison total;
  for (const std::string& source :
       {Source(2, 2, "one_f_one_b;", "ddp(bucket = 1 KiB, overlap = true)", untied),
        Source(3, 1, "gpipe;", "flat", untied), Source(2, 1, halves, "flat", untied),
        Source(1, 2, "one_f_one_b;", "naive", tied)}) {
    const CompiledText compiled = CompileText(source);
    ASSERT_TRUE(compiled.result.plan.has_value());
    const Comparison one = CompareWithOracle(*compiled.result.plan, seed, runs);
    total.sound += one.sound;
    total.unsound += one.unsound;
    total.types += one.types;
  }
  std::printf("%d sound, %d unsound, %d not compared\n", total.sound, total.unsound, total.types);
  if (runs > 1) {
    EXPECT_GT(total.sound, 0);
    EXPECT_GT(total.unsound, runs / 2);
  }
}

}  // namespace
}  // namespace pprun
