#include "compiler/verify/verify.h"

#include "compiler/plan/base/check.h"
#include "compiler/verify/checks.h"

namespace pprun {

std::string_view Name(FindingKind kind) {
  switch (kind) {
    case FindingKind::kTypes:
      return "types";
    case FindingKind::kMatching:
      return "matching";
    case FindingKind::kDeadlock:
      return "deadlock";
    case FindingKind::kDataFlow:
      return "data_flow";
    case FindingKind::kCompleteness:
      return "completeness";
    case FindingKind::kMemory:
      return "memory";
  }
  CHECK(false);
}

std::vector<Finding> Verify(const Plan& plan, const VerifyOptions& options) {
  Findings findings;
  CheckTypes(plan, findings);
  if (findings.empty()) CheckMatching(plan, findings);
  if (findings.empty()) CheckDeadlock(plan, findings);
  Findings completeness;
  if (findings.empty()) {
    const std::vector<Segments> segments = SegmentsOf(plan);
    CheckRaces(plan, segments, findings);
    if (findings.empty()) FollowValues(plan, segments, findings, completeness);
  }
  if (findings.empty()) findings = std::move(completeness);
  if (findings.empty()) CheckMemory(plan, options, findings);
  return findings.Take();
}

}  // namespace pprun
