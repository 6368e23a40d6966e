// memory: what a rank allocates for its arenas is within the limit given. Arenas are allocated once
// and whole, so their sum is the peak. Tests: verify_test.cc.
#include <numeric>

#include "compiler/plan/text.h"
#include "compiler/verify/checks.h"

namespace pprun {

void CheckMemory(const Plan& plan, const VerifyOptions& options, Findings& findings) {
  if (!options.memory_limit) return;
  for (size_t i = 0; i < plan.positions.size(); ++i) {
    const auto& arenas = plan.positions[i].arena_bytes;
    const int64_t bytes = std::accumulate(arenas.begin(), arenas.end(), int64_t{0});
    if (bytes <= *options.memory_limit) continue;
    findings.Add(FindingKind::kMemory, "a rank at position " + std::to_string(i) + " needs " +
                                           HumanBytes(bytes) + ", more than the limit of " +
                                           HumanBytes(*options.memory_limit));
  }
}

}  // namespace pprun
