// What the losses share: a block takes a row of any width and any alignment, 16 bytes at a time
// from the first such boundary on, and the rows' losses are added in double in a fixed order.
// Included by
// *_cuda.cu only. Tests: gpu/kernels_check.cc.
#pragma once

#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {

inline constexpr int kLossThreads = 512;
inline constexpr int kLossWarps = kLossThreads / kWarp;

// Elements of a row before the first that starts on 16 bytes.
template <class T>
__device__ __forceinline__ int64_t ElementsBeforeBoundary(const T* row) {
  const uintptr_t past = reinterpret_cast<uintptr_t>(row) % kVectorBytes;
  return static_cast<int64_t>(past == 0 ? 0 : (kVectorBytes - past) / sizeof(T));
}

// Calls body(first, values) for pieces of the row that cover it: kVector<T> elements or one. The
// threads of the block share them in an order that the row's address and width fix.
template <class T, class Body>
__device__ __forceinline__ void ForRowPieces(const T* row, int64_t columns, const Body& body) {
  constexpr int kWidth = kVector<T>;
  int64_t head = ElementsBeforeBoundary(row);
  head = head < columns ? head : columns;
  const int64_t pieces = (columns - head) / kWidth;
  for (int64_t piece = threadIdx.x; piece < pieces; piece += blockDim.x) {
    float value[kWidth];
    Load(row + head + piece * kWidth, value);
    body(head + piece * kWidth, value);
  }
  // What is left at both ends: fewer than 2 * kWidth elements.
  const int64_t tail = head + pieces * kWidth;
  for (int64_t i = threadIdx.x; i < head + columns - tail; i += blockDim.x) {
    const int64_t at = i < head ? i : tail + i - head;
    float value[1];
    Load(row + at, value);
    body(at, value);
  }
}

// Writes a piece that ForRowPieces gave to the same place of another row; by 16 bytes where that is
// aligned too.
template <class T, int kWidth>
__device__ __forceinline__ void StorePiece(T* to, const float (&value)[kWidth]) {
  if constexpr (kWidth == 1) {
    Store(to, value);
  } else if (reinterpret_cast<uintptr_t>(to) % kVectorBytes == 0) {
    Store(to, value);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) to[i] = FromFloat<T>(value[i]);
  }
}

// loss = scale * the sum of `rows` doubles; one block.
static __global__ void __launch_bounds__(kLossThreads)
    SumLossKernel(int64_t rows, const double* losses, double scale, double* loss) {
  __shared__ double parts[kLossWarps];
  double sum = 0;
#pragma unroll 4
  for (int64_t row = threadIdx.x; row < rows; row += kLossThreads) sum += losses[row];
  sum = BlockSum(sum, parts);
  if (threadIdx.x == 0) *loss = scale * sum;
}

}  // namespace pprun::kernels
