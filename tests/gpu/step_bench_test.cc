#include "tests/gpu/step_bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "tests/gpu/call_costs.h"
#include "tests/runtime/fake_cuda.h"
#include "tests/runtime/small_plan.h"

namespace pprun::gpu {
namespace {

TEST(StepBench, TimesEachCallOfAStepOnceForAllOfItsKindAndEachFunctionWhole) {
  const SmallPlan small = {.positions = 1, .microbatches = 2, .clip = 1};
  const Plan plan = Build(small);
  const SmallData data(small.vocabulary);
  FakeCuda cuda;
  const StepTimes times = MeasureStep(plan, data, cuda, 4096);
  EXPECT_EQ(cuda.violations(), std::vector<std::string>{});

  double alone = 0;
  for (const CallRow& row : times.calls) {
    EXPECT_GT(row.seconds, 0) << row.name;
    EXPECT_GT(row.bytes, 0) << row.name;
    EXPECT_GE(row.floor, row.bytes / times.copy_rate) << row.name;
    alone += row.seconds * static_cast<double>(row.count);
  }
  EXPECT_DOUBLE_EQ(alone, times.alone);
  const auto count_of = [&](const std::string& start) {
    int64_t count = 0;
    for (const CallRow& row : times.calls) count += row.name.starts_with(start) ? row.count : 0;
    return count;
  };
  // One of each a microbatch, and an update of all parameters, however the plan writes them.
  EXPECT_EQ(count_of("embedding "), 2);
  EXPECT_EQ(count_of("linear "), 2);
  EXPECT_EQ(count_of("linear_weight_grad "), 2);
  EXPECT_EQ(count_of("clip_factor"), 1);
  EXPECT_GE(count_of("update of "), 1);

  ASSERT_FALSE(times.functions.empty());
  for (const FunctionRow& row : times.functions) {
    EXPECT_EQ(row.count, 2) << row.name;
    EXPECT_GT(row.seconds, 0) << row.name;
    EXPECT_GT(row.alone, 0) << row.name;
  }
  EXPECT_GT(times.step, 0);
  EXPECT_GT(times.node_seconds, 0);
  ASSERT_GE(times.losses.size(), 10U);
  EXPECT_LT(times.losses.back(), times.losses.front());
}

TEST(StepBench, RefusesPlansOfSeveralRanks) {
  const SmallPlan small = {.positions = 2};
  const Plan plan = Build(small);
  const SmallData data(small.vocabulary);
  FakeCuda cuda;
  EXPECT_THROW(MeasureStep(plan, data, cuda, 4096), std::runtime_error);
}

kernels::Tensor TensorOf(DType dtype, std::initializer_list<int64_t> extents) {
  static char memory = 0;
  return {&memory, dtype, extents};
}

TEST(CallCosts, AreWhatMustBeMovedAndMultiplied) {
  const kernels::Tensor x = TensorOf(DType::kBF16, {2, 8, 16});
  const kernels::Tensor dy = TensorOf(DType::kBF16, {2, 8, 32});
  const CallCosts product = CostsOf(OperationCall{
      .kind = OpKind::kLinearWeightGrad,
      .operands = {x, dy, TensorOf(DType::kF32, {32, 16}), TensorOf(DType::kF32, {32})}});
  EXPECT_DOUBLE_EQ(product.flops, 2 * 16 * 16 * 32);
  EXPECT_DOUBLE_EQ(product.bytes, 2 * 256 + 2 * 512 + 2 * 4 * 512 + 2 * 4 * 32);

  const CallCosts attention = CostsOf(OperationCall{
      .kind = OpKind::kAttention,
      .operands = {TensorOf(DType::kBF16, {2, 8, 48}), x, TensorOf(DType::kF32, {2, 1, 8})}});
  EXPECT_DOUBLE_EQ(attention.flops, 2 * 256 * 8);

  // Of a large table only the tokens' rows.
  const CallCosts embedding = CostsOf(OperationCall{
      .kind = OpKind::kEmbedding,
      .operands = {TensorOf(DType::kI32, {2, 8}), TensorOf(DType::kBF16, {1000, 16}), x}});
  EXPECT_DOUBLE_EQ(embedding.bytes, 4 * 16 + 2 * 256 + 2 * 256);
  EXPECT_DOUBLE_EQ(embedding.flops, 0);
}

}  // namespace
}  // namespace pprun::gpu
