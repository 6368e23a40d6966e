// What the signatures promise, for every kind: written operands are overwritten whatever was there,
// accumulated ones are added to, read ones are left alone, and optional ones may be absent.
#include "kernels/dispatch.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/op_cases.h"

namespace pprun::kernels {
namespace {

class EveryKind : public testing::TestWithParam<OpKind> {
 protected:
  // Operand i of the kind.
  Access AccessOf(size_t i) const { return Signature(GetParam()).operands[i].access; }

  void Clear(OpCase& op) const {
    for (size_t i = 0; i < op.operands.size(); ++i) {
      if (AccessOf(i) == Access::kAccumulate) op.operands[i] = Zeros(op.operands[i].shape);
    }
  }

  CpuQueue queue_{1};
};

TEST_P(EveryKind, OverwritesEveryElementOfWhatItWrites) {
  OpCase first = MakeOpCase(GetParam(), {}, 100);
  OpCase second = MakeOpCase(GetParam(), {}, 100);
  Clear(first);
  Clear(second);
  for (size_t i = 0; i < second.operands.size(); ++i) {
    Array& operand = second.operands[i];
    if (AccessOf(i) == Access::kWrite) operand = Poisoned(operand.dtype, operand.shape, 77);
  }
  RunOpCase(queue_, first);
  RunOpCase(queue_, second);
  for (size_t i = 0; i < first.operands.size(); ++i) {
    if (AccessOf(i) == Access::kRead) continue;
    Array& operand = first.operands[i];
    if (operand.dtype == DType::kF64) {
      EXPECT_EQ(operand.Doubles()[0], second.operands[i].Doubles()[0]);
      EXPECT_FALSE(std::isnan(operand.Doubles()[0]));
      continue;
    }
    for (size_t k = 0; k < operand.Floats().size(); ++k) {
      ASSERT_FALSE(std::isnan(operand.Floats()[k])) << "operand " << i << ", element " << k;
      ASSERT_EQ(operand.Floats()[k], second.operands[i].Floats()[k])
          << "operand " << i << ", element " << k;
    }
  }
}

TEST_P(EveryKind, LeavesWhatItReads) {
  OpCase op = MakeOpCase(GetParam(), {}, 200);
  const OpCase before = op;
  Clear(op);
  RunOpCase(queue_, op);
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (AccessOf(i) != Access::kRead) continue;
    EXPECT_EQ(op.operands[i], before.operands[i]) << "operand " << i;
  }
}

TEST_P(EveryKind, AddsToWhatItAccumulates) {
  OpCase from_zero = MakeOpCase(GetParam(), {}, 300);
  OpCase from_value = from_zero;
  Clear(from_zero);
  for (size_t i = 0; i < from_value.operands.size(); ++i) {
    if (AccessOf(i) == Access::kAccumulate)
      from_value.operands[i] = RandomFloats(from_value.operands[i].shape, 7);
  }
  OpCase result = from_value;
  RunOpCase(queue_, from_zero);
  RunOpCase(queue_, result);
  for (size_t i = 0; i < result.operands.size(); ++i) {
    if (AccessOf(i) != Access::kAccumulate) continue;
    double change = 0;
    for (size_t k = 0; k < result.operands[i].Floats().size(); ++k) {
      const float added = from_zero.operands[i].Floats()[k];
      ASSERT_NEAR(result.operands[i].Floats()[k], from_value.operands[i].Floats()[k] + added, 1e-5);
      change = std::max(change, std::abs(static_cast<double>(added)));
    }
    EXPECT_GT(change, 0) << "operand " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Dispatch, EveryKind, testing::ValuesIn(AllOpKinds()), NameOfParameter);

// An absent bias is a bias of zero, and an absent gradient of a bias changes nothing else.
TEST(Dispatch, DoesWithoutOptionalOperands) {
  const CpuQueue queue(1);
  int optional = 0;
  for (const OpKind kind : AllOpKinds()) {
    OpCase with = MakeOpCase(kind, {}, 400);
    OpCase without = with;
    for (size_t i = 0; i < with.operands.size(); ++i) {
      const OperandSignature& operand = Signature(kind).operands[i];
      if (operand.access == Access::kAccumulate) {
        with.operands[i] = without.operands[i] = Zeros(with.operands[i].shape);
      }
      if (operand.presence == OperandSignature::Presence::kRequired) continue;
      ++optional;
      with.operands[i] = Zeros(with.operands[i].shape);
      without.operands[i] = {};
    }
    RunOpCase(queue, with);
    RunOpCase(queue, without);
    for (size_t i = 0; i < with.operands.size(); ++i) {
      if (without.operands[i].memory.empty()) continue;
      EXPECT_EQ(with.operands[i], without.operands[i]) << Name(kind) << ", operand " << i;
    }
  }
  // The bias of linear, alone, with a sum and with gelu, its gradient, and what passes by a norm,
  // of two kinds.
  EXPECT_EQ(optional, 6);
}

}  // namespace
}  // namespace pprun::kernels
