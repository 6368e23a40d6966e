#include "kernels/attention.h"

#include <gtest/gtest.h>

#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/reference.h"

namespace pprun::kernels {
namespace {

// One block of queries and several, every relation of heads to key heads, ragged widths.
constexpr reference::Heads kShapes[] = {
    {.samples = 2, .positions = 1, .heads = 1, .kv_heads = 1, .width = 4},
    {.samples = 2, .positions = 13, .heads = 2, .kv_heads = 2, .width = 5},
    {.samples = 1, .positions = 17, .heads = 4, .kv_heads = 2, .width = 3},
    {.samples = 1, .positions = 11, .heads = 3, .kv_heads = 1, .width = 18},
    {.samples = 1, .positions = 99, .heads = 1, .kv_heads = 1, .width = 2},
};

class AttentionOfShape : public testing::TestWithParam<reference::Heads> {
 protected:
  void SetUp() override { LaunchAttention(queue_, qkv_.View(), y_.View(), lse_.View(), heads_); }

  reference::Heads shape_ = GetParam();
  AttentionHeads heads_ = {shape_.heads, shape_.kv_heads};
  CpuQueue queue_{1};
  Array qkv_ = RandomFloats({shape_.samples, shape_.positions, shape_.Row()}, 1, -2, 2);
  Array y_ = Poisoned({shape_.samples, shape_.positions, shape_.heads* shape_.width});
  Array lse_ = Poisoned({shape_.samples, shape_.heads, shape_.positions});
};

TEST_P(AttentionOfShape, MatchesTheReference) {
  std::vector<double> lse;
  const std::vector<double> y = reference::Attention(ToDoubles(qkv_.Floats()), shape_, &lse);
  ExpectClose(y_.Floats(), y, 1e-5, 0.1);
  ExpectClose(lse_.Floats(), lse, 1e-5, 0.1);
}

TEST_P(AttentionOfShape, GradientMatchesCentralDifferences) {
  Array dy = RandomFloats(y_.shape, 2);
  Array dqkv = Poisoned(qkv_.shape);
  LaunchAttentionGrad(queue_, qkv_.View(), y_.View(), lse_.View(), dy.View(), dqkv.View(), heads_);
  const auto numeric = reference::NumericGradient(
      [&](const auto& at) { return reference::Attention(at, shape_, nullptr); },
      ToDoubles(qkv_.Floats()), ToDoubles(dy.Floats()));
  ExpectClose(dqkv.Floats(), numeric, 1e-5, 1);
}

INSTANTIATE_TEST_SUITE_P(Attention, AttentionOfShape, testing::ValuesIn(kShapes));

// Three blocks at a usual head width, against the reference in double.
TEST(Attention, MatchesTheReferenceOverSeveralBlocks) {
  constexpr reference::Heads kShape = {
      .samples = 1, .positions = 230, .heads = 2, .kv_heads = 1, .width = 32};
  const CpuQueue queue(1);
  Array qkv = RandomFloats({1, kShape.positions, kShape.Row()}, 3, -2, 2);
  Array y = Poisoned({1, kShape.positions, 64});
  Array lse = Poisoned({1, 2, kShape.positions});
  LaunchAttention(queue, qkv.View(), y.View(), lse.View(), {2, 1});
  ExpectClose(y.Floats(), reference::Attention(ToDoubles(qkv.Floats()), kShape, nullptr), 1e-5,
              0.1);
}

// A later position must not reach an earlier one, not even by a rounding.
TEST(Attention, TheFutureChangesNoBits) {
  const CpuQueue queue(1);
  Array qkv = RandomFloats({1, 150, 48}, 4);
  Array y = Poisoned({1, 150, 16});
  Array lse = Poisoned({1, 2, 150});
  LaunchAttention(queue, qkv.View(), y.View(), lse.View(), {2, 2});
  Array changed = qkv;
  for (size_t i = 100 * 48; i < 150 * 48; ++i) changed.Floats()[i] = 9;
  Array changed_y = Poisoned(y.shape);
  LaunchAttention(queue, changed.View(), changed_y.View(), lse.View(), {2, 2});
  EXPECT_TRUE(std::ranges::equal(y.Floats().first(100 * 16), changed_y.Floats().first(100 * 16)));
  EXPECT_FALSE(
      std::ranges::equal(y.Floats().subspan(100 * 16), changed_y.Floats().subspan(100 * 16)));
}

TEST(Attention, SurvivesLargeScores) {
  const CpuQueue queue(1);
  Array qkv = RandomFloats({1, 20, 24}, 5, -300, 300);
  Array y = Poisoned({1, 20, 8});
  Array lse = Poisoned({1, 1, 20});
  LaunchAttention(queue, qkv.View(), y.View(), lse.View(), {1, 1});
  for (const float value : y.Floats()) {
    ASSERT_TRUE(std::isfinite(value));
    ASSERT_LE(std::abs(value), 300.1F);
  }
}

}  // namespace
}  // namespace pprun::kernels
