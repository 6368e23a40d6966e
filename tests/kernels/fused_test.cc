// Fused operations compute, bit by bit on the CPU and in both precisions, what their parts compute.
#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <vector>

#include "kernels/cpu_queue.h"
#include "kernels/dispatch.h"
#include "kernels/elementwise.h"
#include "tests/kernels/op_cases.h"

namespace pprun::kernels {
namespace {

class Fused : public testing::TestWithParam<DType> {
 protected:
  // A case of the kind, its operands in the precision under test.
  OpCase Make(OpKind kind) const {
    OpCase op = MakeOpCase(kind, {.positions = 33}, 900);
    for (size_t i = 0; i < op.operands.size(); ++i) {
      const std::string_view name = Signature(kind).operands[i].name;
      const bool norm_weight =
          Name(kind).find("norm") != std::string_view::npos && (name == "weight" || name == "bias");
      Array& operand = op.operands[i];
      if (operand.dtype != DType::kF32 || IsAlwaysFloat(name) || norm_weight) continue;
      Array own(GetParam(), operand.shape);
      LaunchCast(queue_, operand.View(), own.View());
      operand = own;
    }
    return op;
  }
  struct Part {
    OpKind kind;
    // Operands of the fused operation, or `between`, which is like what the last part writes.
    std::vector<std::string_view> operands;
  };
  void ExpectParts(OpKind kind, const std::vector<Part>& parts) const {
    OpCase fused = Make(kind);
    OpCase apart = fused;
    const Array& last = apart.Named(parts.back().operands.back());
    Array between = Poisoned(last.dtype, last.shape);
    RunOpCase(queue_, fused);
    for (const Part& part : parts) {
      std::vector<Tensor> operands;
      for (const std::string_view name : part.operands)
        operands.push_back(name == "between" ? between.View() : apart.Named(name).View());
      LaunchOnCpu(queue_, part.kind, fused.attributes, operands, {});
    }
    for (size_t i = 0; i < fused.operands.size(); ++i)
      EXPECT_EQ(fused.operands[i], apart.operands[i]) << Signature(kind).operands[i].name;
  }

  const CpuQueue queue_{2};
};

TEST_P(Fused, LinearAdd) {
  ExpectParts(OpKind::kLinearAdd, {{OpKind::kLinear, {"x", "weight", "bias", "between"}},
                                   {OpKind::kAdd, {"a", "between", "y"}}});
}

TEST_P(Fused, LinearGeluTanh) {
  ExpectParts(OpKind::kLinearGeluTanh, {{OpKind::kLinear, {"x", "weight", "bias", "pre"}},
                                        {OpKind::kGeluTanh, {"pre", "y"}}});
}

TEST_P(Fused, LinearInputGradGeluTanh) {
  ExpectParts(OpKind::kLinearInputGradGeluTanh,
              {{OpKind::kLinearInputGrad, {"dy", "weight", "between"}},
               {OpKind::kGeluTanhGrad, {"pre", "between", "dpre"}}});
}

TEST_P(Fused, AddLayerNorm) {
  ExpectParts(OpKind::kAddLayerNorm,
              {{OpKind::kAdd, {"a", "b", "sum"}},
               {OpKind::kLayerNorm, {"sum", "weight", "bias", "y", "mean", "rstd"}}});
}

TEST_P(Fused, AddRmsNorm) {
  ExpectParts(OpKind::kAddRmsNorm, {{OpKind::kAdd, {"a", "b", "sum"}},
                                    {OpKind::kRmsNorm, {"sum", "weight", "y", "rstd"}}});
}

INSTANTIATE_TEST_SUITE_P(Precisions, Fused, testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(Name(test.param)); });

// In f32 the sum of the gradient and of what passes by is one more rounding, as an addition is.
TEST(FusedNorms, AddWhatPassesBy) {
  const CpuQueue queue(1);
  for (const OpKind kind : {OpKind::kLayerNormInputGrad, OpKind::kRmsNormInputGrad}) {
    OpCase op = MakeOpCase(kind, {}, 901);
    OpCase alone = op;
    alone.Named("passed") = {};
    RunOpCase(queue, op);
    RunOpCase(queue, alone);
    Array sum = Poisoned(op.Named("dx").shape);
    const std::array<Tensor, 3> operands = {op.Named("passed").View(), alone.Named("dx").View(),
                                            sum.View()};
    LaunchOnCpu(queue, OpKind::kAdd, {}, operands, {});
    EXPECT_EQ(op.Named("dx"), sum) << Name(kind);
  }
}

TEST(FusedLoss, IsTheLossAndItsGradientInPlaceToo) {
  for (const int threads : {1, 2}) {
    const CpuQueue queue(threads);
    OpCase op = MakeOpCase(OpKind::kCrossEntropyWithGrad, {.positions = 65}, 902);
    Array in_place = op.Named("logits");
    Array loss(DType::kF64, {});
    Array lse = Zeros(op.Named("targets").shape);
    Array dlogits = Poisoned(in_place.shape);
    const Tensor logits = op.Named("logits").View();
    const Tensor targets = op.Named("targets").View();
    const std::array<Tensor, 4> forward = {logits, targets, loss.View(), lse.View()};
    const std::array<Tensor, 4> backward = {logits, targets, lse.View(), dlogits.View()};
    LaunchOnCpu(queue, OpKind::kCrossEntropy, op.attributes, forward, {});
    LaunchOnCpu(queue, OpKind::kCrossEntropyGrad, op.attributes, backward, {});
    RunOpCase(queue, op);
    EXPECT_EQ(op.Named("loss"), loss);
    EXPECT_EQ(op.Named("dlogits"), dlogits);
    const std::array<Tensor, 4> replaced = {in_place.View(), targets, loss.View(), in_place.View()};
    LaunchOnCpu(queue, OpKind::kCrossEntropyWithGrad, op.attributes, replaced, {});
    EXPECT_EQ(in_place, dlogits);
  }
}

}  // namespace
}  // namespace pprun::kernels
