// Attention's forward by multiplications and additions of floats: a softmax that is corrected tile
// by tile (Dao et al. 2022). What f32 needs, since matrix instructions would round its operands.
#include <cmath>
#include <type_traits>

#include "kernels/cuda_attention_floats.h"
#include "kernels/formulas/exponential.h"

namespace pprun::kernels {
namespace {

// Over the 16 threads that have the same rows.
__device__ __forceinline__ float RowMaximum(float value) {
#pragma unroll
  for (int distance = kSquare / 2; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}
__device__ __forceinline__ float RowSum(float value) {
#pragma unroll
  for (int distance = kSquare / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

template <class Tile, class T>
__global__ void __launch_bounds__(kFloatThreads)
    ForwardKernel(const AttentionSizes sizes, int64_t tiles, Alignment alignment, const T* qkv,
                  T* y, float* lse) {
  constexpr int kMicro = Tile::kMicro;
  float* const queries = reinterpret_cast<float*>(DynamicShared());
  float* const keys = queries + Tile::kFloats;
  float* const values = keys + Tile::kFloats;
  float* const scores = values + Tile::kFloats;
  const AttentionUnit unit =
      UnitOf(blockIdx.x, sizes.samples, sizes.heads, tiles, TileOrder::kDescending);
  const int64_t kv_head = unit.head / sizes.group;
  const int64_t first = unit.tile * Tile::kRows;
  const SquareThread at = InSquare();
  LoadFloatTile<Tile, T>(QueryRows(sizes, qkv, unit.sample, unit.head), first, sizes, alignment,
                         queries);
  float sum[kMicro][Tile::kOwned] = {};
  float largest[kMicro];
  float total[kMicro] = {};
#pragma unroll
  for (int i = 0; i < kMicro; ++i) largest[i] = -INFINITY;
  for (int64_t tile = 0; tile <= unit.tile; ++tile) {
    const int64_t first_key = tile * Tile::kRows;
    __syncthreads();
    LoadFloatTile<Tile, T>(KeyRows(sizes, qkv, unit.sample, kv_head), first_key, sizes, alignment,
                           keys);
    LoadFloatTile<Tile, T>(ValueRows(sizes, qkv, unit.sample, kv_head), first_key, sizes, alignment,
                           values);
    __syncthreads();
    float product[kMicro][kMicro];
    MultiplyRows<Tile>(queries, keys, product);
#pragma unroll
    for (int i = 0; i < kMicro; ++i) {
      const int64_t query = first + at.row * kMicro + i;
      float next = largest[i];
#pragma unroll
      for (int j = 0; j < kMicro; ++j) {
        // The first tile has key 0, which every query sees: from there on nothing is infinite.
        const bool is_seen = first_key + at.column + kSquare * j <= query;
        product[i][j] = is_seen ? product[i][j] * sizes.scale : -INFINITY;
        next = fmaxf(next, product[i][j]);
      }
      next = RowMaximum(next);
      const float correction = Exp(largest[i] - next);
      largest[i] = next;
      float part = 0;
#pragma unroll
      for (int j = 0; j < kMicro; ++j) {
        product[i][j] = Exp(product[i][j] - next);
        part += product[i][j];
      }
      total[i] = total[i] * correction + RowSum(part);
#pragma unroll
      for (int n = 0; n < Tile::kOwned; ++n) sum[i][n] *= correction;
    }
    StoreScores<Tile>(product, scores);
    AddScoresTimes<Tile>(scores, values, sum);
  }
#pragma unroll
  for (int i = 0; i < kMicro; ++i) {
    const int64_t query = first + at.row * kMicro + i;
    const float reciprocal = 1.0F / total[i];
#pragma unroll
    for (int n = 0; n < Tile::kOwned; ++n) sum[i][n] *= reciprocal;
    if (at.column == 0 && query < sizes.positions) {
      lse[(unit.sample * sizes.heads + unit.head) * sizes.positions + query] =
          largest[i] + logf(total[i]);
    }
  }
  StoreRows<Tile>(sum, OutputRows(sizes, y, unit.sample, unit.head), first, sizes);
}

}  // namespace

void LaunchAttentionByFloats(const CudaQueue& queue, const AttentionForwardCall& call) {
  const AttentionSizes& sizes = call.sizes;
  WithElement("attention", {&call.qkv}, [&](auto element) {
    using T = decltype(element);
    WithFloatTile<T>(sizes.head_width, [&](auto shape) {
      using Tile = decltype(shape);
      const int64_t tiles = CeilDivide(sizes.positions, Tile::kRows);
      const Geometry geometry = {
          .blocks = tiles * sizes.heads * sizes.samples,
          .threads = kFloatThreads,
          .shared_bytes = (3 * Tile::kFloats + Tile::kScoreFloats) * int64_t{sizeof(float)}};
      CHECK(geometry.blocks <= kMostBlocks);
      LaunchKernel(queue, "attention", geometry, ForwardKernel<Tile, T>, sizes, tiles,
                   HeadAlignment<T>(sizes, {call.qkv.data}), DataOf<T>(call.qkv), DataOf<T>(call.y),
                   call.lse.f32());
    });
  });
}

}  // namespace pprun::kernels
