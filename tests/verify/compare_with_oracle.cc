#include "tests/verify/compare_with_oracle.h"

#include "compiler/verify/verify.h"
#include "tests/verify/damage.h"
#include "tests/verify/oracle.h"

namespace pprun {

Comparison CompareWithOracle(const Plan& plan, uint64_t seed, int damages) {
  const OracleReference reference = Reference(plan);
  EXPECT_EQ(Judge(plan, reference), "") << "the plan is not sound to begin with";
  Comparison comparison;
  // Made once: copying into it again allocates little.
  Plan damaged;
  for (int i = 0; i < damages; ++i) {
    const uint64_t own = seed + static_cast<uint64_t>(i);
    Random random(own);
    damaged = plan;
    const std::string damage = DamageAtRandom(damaged, random);
    const std::vector<Finding> findings = Verify(damaged);
    if (!findings.empty() && findings[0].kind == FindingKind::kTypes) {
      ++comparison.types;
      continue;
    }
    const Verdict verdict = Judge(damaged, reference);
    ++(verdict.empty() ? comparison.sound : comparison.unsound);
    EXPECT_EQ(findings.empty(), verdict.empty())
        << "seed " << own << ": " << damage
        << "\n  the oracle: " << (verdict.empty() ? "sound" : verdict)
        << "\n  the verifier: " << (findings.empty() ? "proven\n" : Render(damaged, findings[0]));
    if (testing::Test::HasFailure()) break;
  }
  return comparison;
}

}  // namespace pprun
