// Bits depend neither on the number of threads nor on how the samples of a batch are divided among
// microbatches.
#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "kernels/linear_algebra.h"
#include "tests/kernels/op_cases.h"

namespace pprun::kernels {
namespace {

class EveryKindDivided : public testing::TestWithParam<OpKind> {};

// Large enough that every kernel shares its work among threads, and ragged.
constexpr OpSizes kLarge = {.samples = 4,
                            .positions = 131,
                            .heads = 6,
                            .kv_heads = 3,
                            .head_width = 22,
                            .outputs = 259,
                            .vocabulary = 307};

void ClearAccumulated(OpCase& op) {
  const auto signature = Signature(op.kind).operands;
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (signature[i].access == Access::kAccumulate) op.operands[i] = Zeros(op.operands[i].shape);
  }
}

TEST_P(EveryKindDivided, ThreadsChangeNoBits) {
  OpCase one = MakeOpCase(GetParam(), kLarge, 500);
  ClearAccumulated(one);
  OpCase two = one;
  OpCase three = one;
  RunOpCase(CpuQueue(1), one);
  RunOpCase(CpuQueue(2), two);
  RunOpCase(CpuQueue(3), three);
  EXPECT_EQ(one.operands, two.operands);
  EXPECT_EQ(one.operands, three.operands);
}

bool IsPerSample(const Array& array, const OpSizes& sizes) {
  return array.shape.rank >= 2 && array.shape[0] == sizes.samples;
}

// Samples [first, first + count) of an array whose first dimension is the samples.
Array Samples(const Array& whole, int64_t first, int64_t count) {
  Shape shape = whole.shape;
  shape.extents[0] = count;
  Array part(whole.dtype, shape);
  const int64_t bytes = part.shape.Elements() * SizeOf(whole.dtype);
  std::memcpy(part.memory.data(),
              reinterpret_cast<const char*>(whole.memory.data()) + first * bytes / count,
              static_cast<size_t>(bytes));
  return part;
}

OpCase Microbatch(const OpCase& whole, const OpSizes& sizes, int64_t first, int64_t count) {
  OpCase part = whole;
  for (Array& operand : part.operands) {
    if (IsPerSample(operand, sizes)) operand = Samples(operand, first, count);
  }
  return part;
}

// Compares what is written a sample; sums over samples (weight gradients, losses) are split by the
// schedule, which rounds differently by design.
void ExpectMicrobatchesEqual(OpKind kind, const OpSizes& sizes) {
  OpCase whole = MakeOpCase(kind, sizes, 600);
  ClearAccumulated(whole);
  OpCase halves[] = {Microbatch(whole, sizes, 0, sizes.samples / 2),
                     Microbatch(whole, sizes, sizes.samples / 2, sizes.samples / 2)};
  const CpuQueue queue(1, MakePlainLinearAlgebra());  // the library's bits may depend on the rows
  RunOpCase(queue, whole);
  RunOpCase(queue, halves[0], 0);
  RunOpCase(queue, halves[1], sizes.samples / 2);
  const auto signature = Signature(kind).operands;
  for (size_t i = 0; i < whole.operands.size(); ++i) {
    if (signature[i].access != Access::kWrite || !IsPerSample(whole.operands[i], sizes)) continue;
    for (int half = 0; half < 2; ++half) {
      EXPECT_EQ(Samples(whole.operands[i], half * sizes.samples / 2, sizes.samples / 2),
                halves[half].operands[i])
          << "operand " << i << ", half " << half;
    }
  }
}

TEST_P(EveryKindDivided, MicrobatchesChangeNoBitsOfASample) {
  ExpectMicrobatchesEqual(GetParam(), kLarge);
  // A microbatch of one sample.
  ExpectMicrobatchesEqual(GetParam(),
                          {.samples = 2, .positions = 8, .outputs = 64, .vocabulary = 65});
}

INSTANTIATE_TEST_SUITE_P(Threads, EveryKindDivided, testing::ValuesIn(AllOpKinds()),
                         NameOfParameter);

}  // namespace
}  // namespace pprun::kernels
