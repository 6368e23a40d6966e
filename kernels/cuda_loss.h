// What the losses share: a block takes a row of any width and any alignment, 16 bytes at a time
// from the first such boundary on, and the rows' losses are added in double in a fixed order.
// Included by *_cuda.cu only. Tests: gpu/kernels_check.cc.
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
// threads of the block share them in an order that the row's address and width fix. A thread has a
// few pieces on the way at a time, so that a body that computes much does not leave memory idle.
template <class T, class Body>
__device__ __forceinline__ void ForRowPieces(const T* row, int64_t columns, const Body& body) {
  constexpr int kWidth = kVector<T>;
  int64_t head = ElementsBeforeBoundary(row);
  head = head < columns ? head : columns;
  const int64_t pieces = (columns - head) / kWidth;
  constexpr int kBatch = 4;
  const int64_t step = blockDim.x;
  int64_t piece = threadIdx.x;
  float value[kWidth];
  for (; piece + (kBatch - 1) * step < pieces; piece += kBatch * step) {
    Piece<kWidth, T> batch[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) batch[i].LoadFrom(row + head + (piece + i * step) * kWidth);
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      batch[i].Get(value);
      body(head + (piece + i * step) * kWidth, value);
    }
  }
  for (; piece < pieces; piece += step) {
    Load(row + head + piece * kWidth, value);
    body(head + piece * kWidth, value);
  }
  // What is left at both ends: fewer than 2 * kWidth elements.
  const int64_t tail = head + pieces * kWidth;
  for (int64_t i = threadIdx.x; i < head + columns - tail; i += blockDim.x) {
    const int64_t at = i < head ? i : tail + i - head;
    const float single[1] = {ToFloat(row[at])};
    body(at, single);
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

// Writes a piece that ForRowPieces gave to the same place of a copy of its row in shared memory,
// which is as far from a boundary as the row.
template <class T, int kWidth>
__device__ __forceinline__ void KeepPiece(T* to, const float (&value)[kWidth]) {
  if constexpr (kWidth == 1) {
    *to = FromFloat<T>(value[0]);
  } else {
    Piece<kWidth, T> piece;
    piece.Set(value);
    StoreSharedVector(to, piece.memory);
  }
}

// loss = scale * the sum of `rows` doubles; one block.
static __global__ void __launch_bounds__(kLossThreads)
    SumLossKernel(int64_t rows, const double* losses, double scale, double* loss) {
  __shared__ double parts[kLossWarps];
  double sum = 0;
#pragma unroll 16
  for (int64_t row = threadIdx.x; row < rows; row += kLossThreads) sum += losses[row];
  sum = BlockSum(sum, parts);
  if (threadIdx.x == 0) *loss = scale * sum;
}

// The rows of a loss's operand, one for each target.
struct LossRows {
  int64_t rows = 0;
  int64_t columns = 0;

  template <class T>
  Geometry GeometryOf() const {
    return RowGeometry(rows, columns, kVector<T>, kLossThreads);
  }
};

inline LossRows LossRowsOf(const char* what, const Tensor& x, const Tensor& targets) {
  RequireType(what, targets, DType::kI32);
  const int64_t rows = targets.shape.Elements();
  const LossRows sizes = {rows, x.shape.Elements() / rows};
  CHECK(x.shape.Elements() == sizes.rows * sizes.columns);
  return sizes;
}

// Calls launch(losses) with memory for the rows' losses, then adds them up.
template <class Launch>
void LaunchLoss(const CudaQueue& queue, const char* what, const LossRows& sizes, double scale,
                const Tensor& loss, const Launch& launch) {
  RequireType(what, loss, DType::kF64);
  double* const losses = ScratchOf<double>(queue, sizes.rows);
  launch(losses);
  LaunchKernel(queue, what, {.blocks = 1, .threads = kLossThreads}, SumLossKernel, sizes.rows,
               losses, scale, loss.f64());
}

}  // namespace pprun::kernels
