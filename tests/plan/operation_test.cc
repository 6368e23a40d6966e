// The table of signatures.
#include "compiler/plan/operation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pprun {
namespace {

TEST(Operations, TheTableIsInTheOrderOfTheKindsAndNamesAreFound) {
  for (int i = 0; i < kOpKindCount; ++i) {
    const OpKind kind = static_cast<OpKind>(i);
    EXPECT_EQ(Signature(kind).kind, kind);
    EXPECT_EQ(OpKindNamed(Name(kind)), kind);
  }
  EXPECT_EQ(OpKindNamed("nothing"), std::nullopt);
}

TEST(Operations, EachLeavesSomething) {
  for (int i = 0; i < kOpKindCount; ++i) {
    const auto operands = Signature(static_cast<OpKind>(i)).operands;
    EXPECT_TRUE(std::ranges::any_of(operands, [](const OperandSignature& operand) {
      return operand.access != Access::kRead;
    })) << Name(static_cast<OpKind>(i));
  }
}

}  // namespace
}  // namespace pprun
