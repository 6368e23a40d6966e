// Sums over rows, column by column, added to what was there: the gradients of biases and of norm
// weights. Two stages, so that the sums have a fixed order and yet fill the GPU: blocks add up some
// rows of a strip of columns (geometry: ColumnSumGeometryOf) into scratch memory, then the blocks'
// sums are added in ascending order.
//
// A body has kWidth and kSums and
//   template <int kCount> __device__ void AddRow(int64_t row, int64_t column,
//                                                float (&sum)[kSums][kCount]) const
// which adds row `row` of kCount columns to each of the sums. Included by *_cuda.cu only. Tests:
// gpu/kernels_check.cc, cuda_geometry_test.cc.
#pragma once

#include <algorithm>

#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {

inline constexpr int kColumnSumWarps = kColumnSumThreads / kWarp;

// A warp takes every eighth row of the block's, a lane kWidth columns.
// partials[chunk][sum][column].
template <int kWidth, class Body>
__global__ void __launch_bounds__(kColumnSumThreads)
    ColumnSumKernel(int64_t rows, int64_t columns, const ColumnSumGeometry geometry,
                    float* partials, const Body body) {
  constexpr int kSums = Body::kSums;
  constexpr int kStrip = kWarp * kWidth;
  __shared__ float parts[kColumnSumWarps][kSums][kStrip];
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t units = geometry.strips * geometry.chunks;
  for (int64_t unit = blockIdx.x; unit < units; unit += gridDim.x) {
    const int64_t chunk = unit / geometry.strips;
    const int64_t strip = (unit - chunk * geometry.strips) * kStrip;
    const int64_t begin = chunk * geometry.chunk_rows;
    const int64_t end = begin + geometry.chunk_rows < rows ? begin + geometry.chunk_rows : rows;
    float sum[kSums][kWidth] = {};
    const int64_t column = strip + lane * kWidth;
    if (column < columns) {
#pragma unroll 4
      for (int64_t row = begin + warp; row < end; row += kColumnSumWarps)
        body.template AddRow<kWidth>(row, column, sum);
    }
#pragma unroll
    for (int k = 0; k < kSums; ++k) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) parts[warp][k][lane * kWidth + i] = sum[k][i];
    }
    __syncthreads();
    for (int at = static_cast<int>(threadIdx.x); at < kSums * kStrip; at += kColumnSumThreads) {
      const int k = at / kStrip;
      const int i = at % kStrip;
      if (strip + i >= columns) continue;
      float total = parts[0][k][i];
      for (int other = 1; other < kColumnSumWarps; ++other) total += parts[other][k][i];
      partials[(chunk * kSums + k) * columns + strip + i] = total;
    }
    __syncthreads();
  }
}

struct ColumnSumTargets {
  float* target[2];
};

// 32 columns a block; a warp takes every eighth chunk, then the warps' sums are added in order.
template <int kSums>
__global__ void __launch_bounds__(kColumnSumThreads)
    ColumnSumTotalKernel(int64_t columns, int64_t chunks, const float* partials,
                         const ColumnSumTargets targets) {
  __shared__ float parts[kColumnSumWarps][kWarp];
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t strips = (columns + kWarp - 1) / kWarp;
  for (int64_t unit = blockIdx.x; unit < strips * kSums; unit += gridDim.x) {
    const int64_t k = unit / strips;
    const int64_t column = (unit - k * strips) * kWarp + lane;
    float sum = 0;
    if (column < columns) {
#pragma unroll 8
      for (int64_t chunk = warp; chunk < chunks; chunk += kColumnSumWarps)
        sum += partials[(chunk * kSums + k) * columns + column];
    }
    parts[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && column < columns) {
      float total = parts[0][lane];
      for (int other = 1; other < kColumnSumWarps; ++other) total += parts[other][lane];
      // Picked, not indexed: an index that is not constant puts the parameter into local memory.
      (k == 0 ? targets.target[0] : targets.target[1])[column] += total;
    }
    __syncthreads();
  }
}

template <int kWidth, class Body>
void LaunchColumnSumsOfWidth(const CudaQueue& queue, const char* what, int64_t rows,
                             int64_t columns, const Body& body, const ColumnSumTargets& targets) {
  constexpr int kSums = Body::kSums;
  const ColumnSumGeometry geometry = ColumnSumGeometryOf(rows, columns, kWidth);
  float* const partials = ScratchOf<float>(queue, geometry.chunks * kSums * columns);
  const auto blocks = [](int64_t count) {
    return Geometry{.blocks = std::min(count, kMostBlocks), .threads = kColumnSumThreads};
  };
  LaunchKernel(queue, what, blocks(geometry.strips * geometry.chunks),
               ColumnSumKernel<kWidth, Body>, rows, columns, geometry, partials, body);
  LaunchKernel(queue, what, blocks(CeilDivide(columns, kWarp) * kSums), ColumnSumTotalKernel<kSums>,
               columns, geometry.chunks, partials, targets);
}

// Rows may be taken 16 bytes at a time if they all start on 16 bytes.
template <class Body>
void LaunchColumnSums(const CudaQueue& queue, const char* what, int64_t rows, int64_t columns,
                      std::initializer_list<const void*> operands, const Body& body,
                      const ColumnSumTargets& targets) {
  if (columns % Body::kWidth == 0 && AreAligned(operands)) {
    LaunchColumnSumsOfWidth<Body::kWidth>(queue, what, rows, columns, body, targets);
  } else {
    LaunchColumnSumsOfWidth<1>(queue, what, rows, columns, body, targets);
  }
}

}  // namespace pprun::kernels
