// What the verifier must say of a damaged plan.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "compiler/verify/verify.h"

namespace pprun {

// The first finding is of that kind, its source that of the instruction, its message has the text.
inline void ExpectFinding(const Plan& plan, FindingKind kind, SourceId source,
                          const std::string& text) {
  const std::vector<Finding> findings = Verify(plan);
  ASSERT_FALSE(findings.empty()) << "nothing found; expected: " << text;
  EXPECT_EQ(Name(findings[0].kind), Name(kind)) << Render(plan, findings[0]);
  EXPECT_EQ(findings[0].source, source) << Render(plan, findings[0]);
  EXPECT_NE(findings[0].message.find(text), std::string::npos) << Render(plan, findings[0]);
}

}  // namespace pprun
