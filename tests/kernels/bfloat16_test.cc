// In bf16 every operation computes what its f32 kernel computes of the same values, rounded once
// where it writes bf16: bit by bit with the plain products, to rounding with the library's, which
// may add in another order.
#include <gtest/gtest.h>

#include <utility>

#include "kernels/cpu_queue.h"
#include "kernels/elementwise.h"
#include "kernels/optimizer.h"
#include "kernels/widened.h"
#include "tests/kernels/op_cases.h"

namespace pprun::kernels {
namespace {

Array As(const CpuQueue& queue, DType dtype, Array from) {
  Array to(dtype, from.shape);
  LaunchCast(queue, from.View(), to.View());
  return to;
}

bool BecomesBfloat16(OpKind kind, size_t operand, const Array& array) {
  const std::string_view name = Signature(kind).operands[operand].name;
  const bool norm = Name(kind).find("norm") != std::string_view::npos;
  if (array.dtype != DType::kF32 || IsAlwaysFloat(name)) return false;
  return !norm || (name != "weight" && name != "bias");
}

// The case with its operands rounded, as bf16 and as f32 of the same values.
std::pair<OpCase, OpCase> BothOf(const CpuQueue& queue, OpKind kind, const OpSizes& sizes) {
  OpCase rounded = MakeOpCase(kind, sizes, 500);
  OpCase floats = rounded;
  for (size_t i = 0; i < rounded.operands.size(); ++i) {
    if (Signature(kind).operands[i].access == Access::kAccumulate) {
      rounded.operands[i] = floats.operands[i] = RandomFloats(floats.operands[i].shape, 501);
    }
    if (!BecomesBfloat16(kind, i, rounded.operands[i])) continue;
    rounded.operands[i] = As(queue, DType::kBF16, rounded.operands[i]);
    floats.operands[i] = As(queue, DType::kF32, rounded.operands[i]);
  }
  return {rounded, floats};
}

class EveryKindInBfloat16 : public testing::TestWithParam<OpKind> {};

TEST_P(EveryKindInBfloat16, IsTheFloatKernelRoundedOnce) {
  // Each part rounds: fused_test.cc.
  if (HasParts(GetParam())) return;
  for (const int threads : {1, 2}) {
    const CpuQueue queue(threads, MakePlainLinearAlgebra());
    auto [rounded, floats] = BothOf(queue, GetParam(), {.positions = 67});
    RunOpCase(queue, rounded);
    RunOpCase(queue, floats);
    for (size_t i = 0; i < rounded.operands.size(); ++i) {
      const Array expected = As(queue, rounded.operands[i].dtype, floats.operands[i]);
      EXPECT_EQ(rounded.operands[i], expected) << "operand " << i << ", threads " << threads;
    }
  }
}

// Where the processor or the library has no products of bf16, the plain ones serve, exactly.
TEST_P(EveryKindInBfloat16, AgreesOnWhateverMultiplies) {
  if (HasParts(GetParam())) return;
  const CpuQueue queue(2);
  const CpuQueue plain(1, MakePlainLinearAlgebra());
  auto [rounded, floats] = BothOf(queue, GetParam(), {.positions = 67, .outputs = 130});
  RunOpCase(queue, rounded);
  RunOpCase(plain, floats);
  for (size_t i = 0; i < rounded.operands.size(); ++i) {
    if (Signature(GetParam()).operands[i].access == Access::kRead) continue;
    if (floats.operands[i].dtype != DType::kF32) continue;
    Array actual = As(queue, DType::kF32, rounded.operands[i]);
    const std::vector<double> expected = ToDoubles(floats.operands[i].Floats());
    // Half a unit in the last place of bf16, and what another order of sums may add.
    ExpectClose(actual.Floats(), expected, 0x1p-8, 0x1p-7 * Largest(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Bfloat16, EveryKindInBfloat16, testing::ValuesIn(AllOpKinds()),
                         NameOfParameter);

TEST(Bfloat16, UpdatesRoundWhatTheyLeave) {
  const StepState state = {.step = 3, .learning_rate = 0.01F};
  const Shape shape = {70001};
  for (const int threads : {1, 2}) {
    const CpuQueue queue(threads);
    Array gradient = RandomFloats(shape, 1);
    Array second = RandomFloats(shape, 4, 0, 1);
    const auto expect_rounded = [&](const auto& update) {
      Array value = RandomFloats(shape, 2);
      Array first = RandomFloats(shape, 3);
      Array alone = value;
      Array first_alone = first;
      Array rounded = Poisoned(DType::kBF16, shape);
      update(value, first, rounded.View());
      EXPECT_EQ(rounded, As(queue, DType::kBF16, value));
      second = RandomFloats(shape, 4, 0, 1);
      update(alone, first_alone, Tensor{});
      second = RandomFloats(shape, 4, 0, 1);
      EXPECT_EQ(value, alone);
      EXPECT_EQ(first, first_alone);
    };
    expect_rounded([&](Array& value, Array& first, const Tensor& rounded) {
      const UpdateTensors one = {value.View(), gradient.View(), first.View(), second.View(),
                                 rounded};
      LaunchAdamUpdates(queue, {&one, 1}, {}, {}, state);
    });
    expect_rounded([&](Array& value, Array& first, const Tensor& rounded) {
      const UpdateTensors one = {value.View(), gradient.View(), first.View(), {}, rounded};
      LaunchSgdUpdates(queue, {&one, 1}, {}, {.momentum = 0.9F}, state);
    });
    expect_rounded([&](Array& value, Array&, const Tensor& rounded) {
      const UpdateTensors one = {value.View(), gradient.View(), {}, {}, rounded};
      LaunchSgdUpdates(queue, {&one, 1}, {}, {}, state);
    });
  }
}

}  // namespace
}  // namespace pprun::kernels
