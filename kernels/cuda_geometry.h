// How many blocks and threads a kernel is launched with, from sizes alone: never from the GPU, so
// that the order of every sum, and with it every bit, is the same on all of them. Host code without
// CUDA. Tests: cuda_geometry_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pprun::kernels {

// What CUDA allows in the first dimension of a grid; the only one that is used. Kernels loop over
// what is beyond.
inline constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;
inline constexpr int kWarp = 32;

struct Geometry {
  int64_t blocks = 1;
  int threads = kWarp;
  int64_t shared_bytes = 0;  // dynamic
};

inline int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One element each of `elements`, taken `width` at a time by a thread; at least one block.
inline constexpr int kElementThreads = 256;
inline Geometry ElementGeometry(int64_t elements, int64_t width) {
  const int64_t chunks = CeilDivide(elements, width);
  return {.blocks = std::clamp<int64_t>(CeilDivide(chunks, kElementThreads), 1, kMostBlocks),
          .threads = kElementThreads};
}

// One block a row of `columns` elements, taken `width` at a time. Whole warps, as few as take the
// row in one go, at most `most`.
inline Geometry RowGeometry(int64_t rows, int64_t columns, int64_t width, int most = 512) {
  const int64_t threads = CeilDivide(CeilDivide(columns, width), kWarp) * kWarp;
  return {.blocks = std::clamp<int64_t>(rows, 1, kMostBlocks),
          .threads = static_cast<int>(std::clamp<int64_t>(threads, kWarp, most))};
}

// One warp a row, a few rows a block.
inline constexpr int kRowWarps = 4;
inline Geometry WarpRowGeometry(int64_t rows) {
  return {.blocks = std::clamp<int64_t>(CeilDivide(rows, kRowWarps), 1, kMostBlocks),
          .threads = kRowWarps * kWarp};
}

// A matrix summed column by column in two stages: a block adds up some rows of one strip of
// columns; then a thread a column adds the blocks' sums in ascending order.
struct ColumnSumGeometry {
  int64_t strip = 0;  // columns of one block
  int64_t strips = 0;
  int64_t chunk_rows = 0;  // rows of one block
  int64_t chunks = 0;
};
inline constexpr int kColumnSumThreads = 256;  // eight warps; a warp takes every eighth row
inline ColumnSumGeometry ColumnSumGeometryOf(int64_t rows, int64_t columns, int64_t width) {
  // Enough blocks to fill any GPU, of at least 32 rows, so that the second stage stays small.
  constexpr int64_t kBlocks = 512;
  constexpr int64_t kFewestRows = 32;
  ColumnSumGeometry geometry;
  geometry.strip = kWarp * width;
  geometry.strips = std::max<int64_t>(1, CeilDivide(columns, geometry.strip));
  const int64_t wanted = std::max<int64_t>(1, CeilDivide(kBlocks, geometry.strips));
  geometry.chunk_rows = std::max(kFewestRows, CeilDivide(rows, wanted));
  geometry.chunks = std::max<int64_t>(1, CeilDivide(rows, geometry.chunk_rows));
  return geometry;
}

}  // namespace pprun::kernels
