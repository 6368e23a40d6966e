// Tiles of floats in shared memory, and the two products of attention between them, for 256 threads
// that stand in a square of 16 x 16. Thread (i, j) has kMicro rows, i kMicro and on, and of a
// product of two tiles the columns j, j + 16, ...; so the rows of a product belong to half a warp,
// and may pass through shared memory without a barrier of the block. Included by attention*_cuda.cu
// only. Tests: gpu/kernels_check.cc.
#pragma once

#include "kernels/cuda_attention.h"

namespace pprun::kernels {

inline constexpr int kSquare = 16;
inline constexpr int kFloatThreads = kSquare * kSquare;

// kRows rows of a head of at most kColumns elements, zeros beyond. Rows are four floats longer, so
// that 16-byte reads of eight rows in a column meet in different banks.
template <int kRowCount, int kColumnCount>
struct FloatTile {
  static constexpr int kRows = kRowCount;
  static constexpr int kColumns = kColumnCount;
  static constexpr int kStride = kColumns + 4;
  static constexpr int kMicro = kRows / kSquare;
  static constexpr int kOwned = kColumns / kSquare;  // columns of the head that a thread has
  static constexpr int64_t kFloats = int64_t{kRows} * kStride;
  // Of a product of two tiles.
  static constexpr int kScoreStride = kRows + 4;
  static constexpr int64_t kScoreFloats = int64_t{kRows} * kScoreStride;
};

// Thread (i, j) of the square.
struct SquareThread {
  int row;
  int column;
};
__device__ __forceinline__ SquareThread InSquare() {
  return {static_cast<int>(threadIdx.x) / kSquare, static_cast<int>(threadIdx.x) % kSquare};
}

// Rows [first, first + kRows) of the head, those that exist.
template <class Tile, class T>
__device__ __forceinline__ void LoadFloatTile(const HeadRows<const T>& rows, int64_t first,
                                              const AttentionSizes& sizes, Alignment alignment,
                                              float* tile) {
  constexpr int kPiece = 4;
  constexpr int kPieces = Tile::kColumns / kPiece;
  for (int at = static_cast<int>(threadIdx.x); at < Tile::kRows * kPieces; at += kFloatThreads) {
    const int row = at / kPieces;
    const int column = at % kPieces * kPiece;
    float value[kPiece] = {};
    if (first + row < sizes.positions) {
      const T* const from = rows.first + (first + row) * rows.stride + column;
      if (alignment == Alignment::kSixteenBytes) {
        if (column < sizes.head_width) Load(from, value);
      } else {
#pragma unroll
        for (int i = 0; i < kPiece; ++i) {
          if (column + i < sizes.head_width) value[i] = ToFloat(from[i]);
        }
      }
    }
    *reinterpret_cast<float4*>(tile + row * Tile::kStride + column) =
        make_float4(value[0], value[1], value[2], value[3]);
  }
}

// product[i][j] = row (own i) of `a` . row (own j) of `b`
template <class Tile>
__device__ __forceinline__ void MultiplyRows(const float* a, const float* b,
                                             float (&product)[Tile::kMicro][Tile::kMicro]) {
  constexpr int kMicro = Tile::kMicro;
  const SquareThread at = InSquare();
#pragma unroll
  for (int i = 0; i < kMicro; ++i) {
#pragma unroll
    for (int j = 0; j < kMicro; ++j) product[i][j] = 0;
  }
#pragma unroll 4
  for (int k = 0; k < Tile::kColumns; k += 4) {
    float left[kMicro][4];
    float right[kMicro][4];
#pragma unroll
    for (int i = 0; i < kMicro; ++i) {
      Load(a + (at.row * kMicro + i) * Tile::kStride + k, left[i]);
      Load(b + (at.column + kSquare * i) * Tile::kStride + k, right[i]);
    }
#pragma unroll
    for (int i = 0; i < kMicro; ++i) {
#pragma unroll
      for (int j = 0; j < kMicro; ++j) {
#pragma unroll
        for (int step = 0; step < 4; ++step) product[i][j] += left[i][step] * right[j][step];
      }
    }
  }
}

// Column of the head of a thread's n-th owned element.
__device__ __forceinline__ int OwnedColumn(int column, int n) {
  return n / 4 * (4 * kSquare) + 4 * column + n % 4;
}

// sum[i][n] += row (own i) of `scores` times column (owned n) of `b`. The thread's half warp has
// written its rows of `scores` and may write them again after this.
template <class Tile>
__device__ __forceinline__ void AddScoresTimes(const float* scores, const float* b,
                                               float (&sum)[Tile::kMicro][Tile::kOwned]) {
  constexpr int kMicro = Tile::kMicro;
  const SquareThread at = InSquare();
  __syncwarp();
#pragma unroll 2
  for (int k = 0; k < Tile::kRows; k += 4) {
    float left[kMicro][4];
#pragma unroll
    for (int i = 0; i < kMicro; ++i)
      Load(scores + (at.row * kMicro + i) * Tile::kScoreStride + k, left[i]);
#pragma unroll
    for (int step = 0; step < 4; ++step) {
#pragma unroll
      for (int n = 0; n < Tile::kOwned; n += 4) {
        float right[4];
        Load(b + (k + step) * Tile::kStride + OwnedColumn(at.column, n), right);
#pragma unroll
        for (int i = 0; i < kMicro; ++i) {
#pragma unroll
          for (int m = 0; m < 4; ++m) sum[i][n + m] += left[i][step] * right[m];
        }
      }
    }
  }
  __syncwarp();
}

template <class Tile>
__device__ __forceinline__ void StoreScores(const float (&product)[Tile::kMicro][Tile::kMicro],
                                            float* scores) {
  const SquareThread at = InSquare();
#pragma unroll
  for (int i = 0; i < Tile::kMicro; ++i) {
#pragma unroll
    for (int j = 0; j < Tile::kMicro; ++j) {
      scores[(at.row * Tile::kMicro + i) * Tile::kScoreStride + at.column + kSquare * j] =
          product[i][j];
    }
  }
}

// Writes the thread's part of rows [first, first + kRows) of a head, those that exist.
template <class Tile, class T>
__device__ __forceinline__ void StoreRows(const float (&sum)[Tile::kMicro][Tile::kOwned],
                                          const HeadRows<T>& rows, int64_t first,
                                          const AttentionSizes& sizes) {
  const SquareThread at = InSquare();
#pragma unroll
  for (int i = 0; i < Tile::kMicro; ++i) {
    const int64_t row = first + at.row * Tile::kMicro + i;
    if (row >= sizes.positions) continue;
#pragma unroll
    for (int n = 0; n < Tile::kOwned; ++n) {
      const int column = OwnedColumn(at.column, n);
      if (column < sizes.head_width)
        rows.first[row * rows.stride + column] = FromFloat<T>(sum[i][n]);
    }
  }
}

// Calls body with the tile for the head width, and T.
template <class T, class Body>
void WithFloatTile(int64_t head_width, const Body& body) {
  if constexpr (std::is_same_v<T, float>) {
    if (head_width <= 64) return body(FloatTile<64, 64>{});
    if (head_width <= 128) return body(FloatTile<64, 128>{});
  }
  body(FloatTile<32, 256>{});
}

}  // namespace pprun::kernels
