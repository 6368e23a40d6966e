#include "kernels/cuda_geometry.h"

#include <gtest/gtest.h>

#include <random>

namespace pprun::kernels {
namespace {

constexpr int64_t kHuge = (int64_t{1} << 31) + 5;

TEST(ElementGeometry, GivesEveryElementAThread) {
  for (const int64_t width : {1, 4, 8, 16}) {
    for (const int64_t elements : {int64_t{1}, int64_t{255}, int64_t{256}, int64_t{4097}, kHuge}) {
      const Geometry geometry = ElementGeometry(elements, width);
      EXPECT_GE(geometry.blocks * geometry.threads * width, elements);
      EXPECT_LT((geometry.blocks - 1) * geometry.threads * width, elements);
      EXPECT_LE(geometry.blocks, kMostBlocks);
      // The ragged end: fewer elements than there are threads.
      EXPECT_LT(elements % width, geometry.threads);
    }
  }
}

// Beyond what a grid can hold, kernels loop.
TEST(ElementGeometry, StaysInWhatAGridHolds) {
  EXPECT_EQ(ElementGeometry(int64_t{1} << 45, 1).blocks, kMostBlocks);
  EXPECT_EQ(ElementGeometry(0, 8).blocks, 1);
}

TEST(RowGeometry, TakesWholeWarpsAndNoMoreThanARowNeeds) {
  EXPECT_EQ(RowGeometry(10, 768, 8).threads, 96);
  EXPECT_EQ(RowGeometry(10, 768, 4).threads, 192);
  EXPECT_EQ(RowGeometry(10, 1, 1).threads, kWarp);
  EXPECT_EQ(RowGeometry(10, 50304, 8, 512).threads, 512);
  EXPECT_EQ(RowGeometry(kHuge, 64, 4).blocks, kMostBlocks);
  EXPECT_EQ(RowGeometry(7, 64, 4).blocks, 7);
}

TEST(WarpRowGeometry, GivesEveryRowAWarp) {
  EXPECT_EQ(WarpRowGeometry(32768).blocks, 8192);
  EXPECT_EQ(WarpRowGeometry(5).blocks, 2);
  EXPECT_EQ(WarpRowGeometry(5).threads, 4 * kWarp);
  EXPECT_EQ(WarpRowGeometry(0).blocks, 1);
  EXPECT_EQ(WarpRowGeometry(8 * kHuge).blocks, kMostBlocks);
}

TEST(ColumnSumGeometry, CoversAllRowsAndColumnsOnce) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 generator(seed);
  for (int i = 0; i < 2000; ++i) {
    const int64_t rows = 1 + generator() % 100000;
    const int64_t columns = 1 + generator() % 20000;
    const int64_t width = int64_t{1} << generator() % 4;
    const ColumnSumGeometry geometry = ColumnSumGeometryOf(rows, columns, width);
    ASSERT_EQ(geometry.strip, kWarp * width);
    ASSERT_GE(geometry.strips * geometry.strip, columns);
    ASSERT_LT((geometry.strips - 1) * geometry.strip, columns);
    ASSERT_GE(geometry.chunks * geometry.chunk_rows, rows);
    ASSERT_LT((geometry.chunks - 1) * geometry.chunk_rows, rows);
  }
}

TEST(ColumnSumGeometry, FillsAGpuWithTheRowsOfAModelAndKeepsTheSecondStageSmall) {
  const ColumnSumGeometry geometry = ColumnSumGeometryOf(8192, 768, 8);
  EXPECT_GE(geometry.strips * geometry.chunks, 500);
  EXPECT_LE(geometry.chunks, 256);
  EXPECT_EQ(ColumnSumGeometryOf(5, 768, 8).chunks, 1);
}

}  // namespace
}  // namespace pprun::kernels
