// Tiles of bf16 in shared memory, and the two products of attention between them by matrix
// instructions, sums in float. A block has four warps, and a warp sixteen rows of the block's tile:
// lane l holds, of every 16 x 8 part of a product, columns 2 (l mod 4) and the next of rows l / 4
// and l / 4 + 8, which is also how it holds the left operand of the next product; so scores never
// leave the registers. While a block computes with
// one tile of the other side, the next one is on its way to the other half of a pair of buffers.
// Included by attention*_cuda.cu only. Tests: gpu/kernels_check.cc.
#pragma once

#include "kernels/cuda_attention.h"

namespace pprun::kernels {

inline constexpr int kMatrixThreads = 128;
inline constexpr int kMatrixRows = 64;  // of the block's own tile
inline constexpr int kWarpRows = 16;
inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kLn2 = 0.693147181F;

// kRows rows of a head of at most kColumns elements, zeros beyond. Rows are 16 bytes longer, an odd
// number of times 16, so that eight rows at one column meet in different banks.
template <int kRowCount, int kColumnCount>
struct MatrixTile {
  static constexpr int kRows = kRowCount;
  static constexpr int kColumns = kColumnCount;
  static constexpr int kStride = kColumns + 8;
  static constexpr int64_t kElements = int64_t{kRows} * kStride;
};

// A lane's part of 16 rows and kColumns columns, by 8 columns: row, row, row + 8, row + 8.
template <int kColumns>
struct Fragment {
  float part[kColumns / 8][4] = {};
};

__device__ __forceinline__ int Lane() { return static_cast<int>(threadIdx.x) % kWarp; }
// Of the block's own tile: the first of the lane's two rows.
__device__ __forceinline__ int LaneRow() {
  return static_cast<int>(threadIdx.x) / kWarp * kWarpRows + Lane() / 4;
}
// Of every 8 columns: the first of the lane's two.
__device__ __forceinline__ int LaneColumn() { return Lane() % 4 * 2; }

// Starts to bring rows [first, first + kRows) of the head, those that exist: they are there after
// AwaitCopies and a barrier.
template <class Tile>
__device__ __forceinline__ void LoadMatrixTile(const HeadRows<const Bfloat16>& rows, int64_t first,
                                               const AttentionSizes& sizes, Alignment alignment,
                                               Bfloat16* tile) {
  constexpr int kPiece = 8;
  constexpr int kPieces = Tile::kColumns / kPiece;
  constexpr int kStep = kMatrixThreads / kPieces;
  const int column = static_cast<int>(threadIdx.x) % kPieces * kPiece;
  const int own = static_cast<int>(threadIdx.x) / kPieces;
  const Bfloat16* from = rows.first + (first + own) * rows.stride + column;
  Bfloat16* const to = tile + own * Tile::kStride + column;
  if (alignment == Alignment::kSixteenBytes) {
#pragma unroll
    for (int row = 0; row < Tile::kRows; row += kStep) {
      const bool exists = first + own + row < sizes.positions && column < sizes.head_width;
      StartCopy(to + row * Tile::kStride, from, exists ? kVectorBytes : 0);
      from += kStep * rows.stride;
    }
    return;
  }
#pragma unroll 1
  for (int row = 0; row < Tile::kRows; row += kStep) {
    uint32_t pairs[kPiece / 2] = {};
#pragma unroll
    for (int i = 0; i < kPiece; ++i) {
      if (first + own + row < sizes.positions && column + i < sizes.head_width)
        pairs[i / 2] |= static_cast<uint32_t>(from[i].bits) << (i % 2 * 16);
    }
    StoreSharedVector(to + row * Tile::kStride, make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]));
    from += kStep * rows.stride;
  }
}

// The warp's rows of `a` times all rows of `b`, transposed.
template <class Own, class Other>
__device__ __forceinline__ void MultiplyRows(const Bfloat16* a, const Bfloat16* b,
                                             Fragment<Other::kRows>& product) {
  const int lane = Lane();
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const Bfloat16* const a_row = a + (warp * kWarpRows + lane % 16) * Own::kStride + lane / 16 * 8;
  const Bfloat16* const b_row = b + (lane / 16 * 8 + lane % 8) * Other::kStride + lane / 8 % 2 * 8;
  product = {};
#pragma unroll
  for (int k = 0; k < Own::kColumns; k += 16) {
    uint32_t left[4];
    LoadMatrices(a_row + k, left);
#pragma unroll
    for (int n = 0; n < Other::kRows; n += 16) {
      uint32_t right[4];
      LoadMatrices(b_row + n * Other::kStride + k, right);
      MultiplyMatrices(product.part[n / 8], left, right[0], right[1]);
      MultiplyMatrices(product.part[n / 8 + 1], left, right[2], right[3]);
    }
  }
}

// sum += `scores`, rounded to bf16, times `b`.
template <class Other>
__device__ __forceinline__ void AddScoresTimes(const Fragment<Other::kRows>& scores,
                                               const Bfloat16* b, Fragment<Other::kColumns>& sum) {
  const int lane = Lane();
  const Bfloat16* const b_row = b + lane % 16 * Other::kStride + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < Other::kRows; k += 16) {
    const float(&low)[4] = scores.part[k / 8];
    const float(&high)[4] = scores.part[k / 8 + 1];
    const uint32_t left[4] = {PackBfloat16(low[0], low[1]), PackBfloat16(low[2], low[3]),
                              PackBfloat16(high[0], high[1]), PackBfloat16(high[2], high[3])};
#pragma unroll
    for (int n = 0; n < Other::kColumns; n += 16) {
      uint32_t right[4];
      LoadMatricesTransposed(b_row + k * Other::kStride + n, right);
      MultiplyMatrices(sum.part[n / 8], left, right[0], right[1]);
      MultiplyMatrices(sum.part[n / 8 + 1], left, right[2], right[3]);
    }
  }
}

// Writes the warp's rows of [first, first + kMatrixRows) of a head, those that exist.
template <int kColumns>
__device__ __forceinline__ void StoreFragment(const Fragment<kColumns>& sum,
                                              const HeadRows<Bfloat16>& rows, int64_t first,
                                              const AttentionSizes& sizes, Alignment alignment) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int64_t row = first + LaneRow() + 8 * half;
    if (row >= sizes.positions) continue;
#pragma unroll
    for (int part = 0; part < kColumns / 8; ++part) {
      const int column = part * 8 + LaneColumn();
      Bfloat16* const to = rows.first + row * rows.stride + column;
      const float low = sum.part[part][2 * half];
      const float high = sum.part[part][2 * half + 1];
      if (alignment == Alignment::kSixteenBytes) {
        if (column < sizes.head_width) *reinterpret_cast<uint32_t*>(to) = PackBfloat16(low, high);
      } else {
        if (column < sizes.head_width) to[0] = FromFloat<Bfloat16>(low);
        if (column + 1 < sizes.head_width) to[1] = FromFloat<Bfloat16>(high);
      }
    }
  }
}

// Over the four lanes that have the same rows.
__device__ __forceinline__ float QuadMaximum(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}
__device__ __forceinline__ float QuadSum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}

// A head width that is known when the kernel is compiled.
template <int kColumnCount>
struct HeadColumns {
  static constexpr int kColumns = kColumnCount;
};
template <class Body>
void WithHeadColumns(int64_t head_width, const Body& body) {
  if (head_width <= 64) return body(HeadColumns<64>{});
  body(HeadColumns<128>{});
}

}  // namespace pprun::kernels
