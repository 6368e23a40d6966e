// Fused operations compute, bit by bit on the CPU and in both precisions, what their parts compute.
#include <gtest/gtest.h>

#include <array>

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
  Array Like(const Array& array) const { return Poisoned(array.dtype, array.shape); }
  template <size_t kCount>
  void Launch(OpKind kind, const OpAttributes& attributes,
              const std::array<Tensor, kCount>& operands) const {
    LaunchOnCpu(queue_, kind, attributes, operands, {});
  }

  const CpuQueue queue_{2};
};

TEST_P(Fused, LinearGeluTanh) {
  OpCase op = Make(OpKind::kLinearGeluTanh);
  RunOpCase(queue_, op);
  Array pre = Like(op.Named("pre"));
  Array y = Like(op.Named("y"));
  Launch<4>(OpKind::kLinear, {},
            {op.Named("x").View(), op.Named("weight").View(), op.Named("bias").View(), pre.View()});
  Launch<2>(OpKind::kGeluTanh, {}, {pre.View(), y.View()});
  EXPECT_EQ(op.Named("pre"), pre);
  EXPECT_EQ(op.Named("y"), y);
}

TEST_P(Fused, LinearInputGradGeluTanh) {
  OpCase op = Make(OpKind::kLinearInputGradGeluTanh);
  RunOpCase(queue_, op);
  Array dy = Like(op.Named("dpre"));
  Array dpre = Like(op.Named("dpre"));
  Launch<3>(OpKind::kLinearInputGrad, {},
            {op.Named("dy").View(), op.Named("weight").View(), dy.View()});
  Launch<3>(OpKind::kGeluTanhGrad, {}, {op.Named("pre").View(), dy.View(), dpre.View()});
  EXPECT_EQ(op.Named("dpre"), dpre);
}

TEST_P(Fused, AddLayerNorm) {
  OpCase op = Make(OpKind::kAddLayerNorm);
  RunOpCase(queue_, op);
  Array sum = Like(op.Named("sum"));
  Array y = Like(op.Named("y"));
  Array mean = Like(op.Named("mean"));
  Array rstd = Like(op.Named("rstd"));
  Launch<3>(OpKind::kAdd, {}, {op.Named("a").View(), op.Named("b").View(), sum.View()});
  Launch<6>(OpKind::kLayerNorm, op.attributes,
            {sum.View(), op.Named("weight").View(), op.Named("bias").View(), y.View(), mean.View(),
             rstd.View()});
  EXPECT_EQ(op.Named("sum"), sum);
  EXPECT_EQ(op.Named("y"), y);
  EXPECT_EQ(op.Named("mean"), mean);
  EXPECT_EQ(op.Named("rstd"), rstd);
}

TEST_P(Fused, AddRmsNorm) {
  OpCase op = Make(OpKind::kAddRmsNorm);
  RunOpCase(queue_, op);
  Array sum = Like(op.Named("sum"));
  Array y = Like(op.Named("y"));
  Array rstd = Like(op.Named("rstd"));
  Launch<3>(OpKind::kAdd, {}, {op.Named("a").View(), op.Named("b").View(), sum.View()});
  Launch<4>(OpKind::kRmsNorm, op.attributes,
            {sum.View(), op.Named("weight").View(), y.View(), rstd.View()});
  EXPECT_EQ(op.Named("sum"), sum);
  EXPECT_EQ(op.Named("y"), y);
  EXPECT_EQ(op.Named("rstd"), rstd);
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
