// Attention's gradients by multiplications and additions of floats. P is computed again from lse.
#include <type_traits>

#include "kernels/cuda_attention_floats.h"
#include "kernels/formulas/exponential.h"

namespace pprun::kernels {
namespace {

template <class Tile>
constexpr int64_t kGradSharedBytes = (4 * Tile::kFloats + Tile::kScoreFloats) * int64_t{
                                                                                    sizeof(float)};

// The tensors, of which a block takes its part.
template <class T>
struct Operands {
  const T* qkv;
  const T* dy;
  T* dqkv;
  const float* lse;
  const float* dots;
};

// A block takes a tile of queries and goes through the keys.
template <class Tile, class T>
__global__ void __launch_bounds__(kFloatThreads)
    QueryGradKernel(const AttentionSizes sizes, int64_t tiles, Alignment alignment,
                    const Operands<T> operands) {
  constexpr int kMicro = Tile::kMicro;
  float* const queries = reinterpret_cast<float*>(DynamicShared());
  float* const gradients = queries + Tile::kFloats;
  float* const keys = gradients + Tile::kFloats;
  float* const values = keys + Tile::kFloats;
  float* const scores = values + Tile::kFloats;
  const AttentionUnit unit =
      UnitOf(blockIdx.x, sizes.samples, sizes.heads, tiles, TileOrder::kDescending);
  const int64_t kv_head = unit.head / sizes.group;
  const int64_t first = unit.tile * Tile::kRows;
  const SquareThread at = InSquare();
  LoadFloatTile<Tile, T>(QueryRows(sizes, operands.qkv, unit.sample, unit.head), first, sizes,
                         alignment, queries);
  LoadFloatTile<Tile, T>(OutputRows(sizes, operands.dy, unit.sample, unit.head), first, sizes,
                         alignment, gradients);
  const int64_t statistics = (unit.sample * sizes.heads + unit.head) * sizes.positions;
  float shift[kMicro];
  float dot[kMicro];
#pragma unroll
  for (int i = 0; i < kMicro; ++i) {
    const int64_t query = first + at.row * kMicro + i;
    const bool exists = query < sizes.positions;
    shift[i] = exists ? operands.lse[statistics + query] : 0.0F;
    dot[i] = exists ? operands.dots[statistics + query] : 0.0F;
  }
  float sum[kMicro][Tile::kOwned] = {};
  for (int64_t tile = 0; tile <= unit.tile; ++tile) {
    const int64_t first_key = tile * Tile::kRows;
    __syncthreads();
    LoadFloatTile<Tile, T>(KeyRows(sizes, operands.qkv, unit.sample, kv_head), first_key, sizes,
                           alignment, keys);
    LoadFloatTile<Tile, T>(ValueRows(sizes, operands.qkv, unit.sample, kv_head), first_key, sizes,
                           alignment, values);
    __syncthreads();
    float product[kMicro][kMicro];
    float slope[kMicro][kMicro];
    MultiplyRows<Tile>(queries, keys, product);
    MultiplyRows<Tile>(gradients, values, slope);
#pragma unroll
    for (int i = 0; i < kMicro; ++i) {
      const int64_t query = first + at.row * kMicro + i;
#pragma unroll
      for (int j = 0; j < kMicro; ++j) {
        const bool is_seen = first_key + at.column + kSquare * j <= query;
        const float p = is_seen ? Exp(product[i][j] * sizes.scale - shift[i]) : 0.0F;
        slope[i][j] = p * (slope[i][j] - dot[i]) * sizes.scale;
      }
    }
    StoreScores<Tile>(slope, scores);
    AddScoresTimes<Tile>(scores, keys, sum);
  }
  StoreRows<Tile>(sum, QueryRows(sizes, operands.dqkv, unit.sample, unit.head), first, sizes);
}

// A block takes a tile of keys and their values, and goes through the queries of the heads that use
// them, in ascending order: transposed scores, so that a thread's rows are keys.
template <class Tile, class T>
__global__ void __launch_bounds__(kFloatThreads)
    KeyGradKernel(const AttentionSizes sizes, int64_t tiles, Alignment alignment,
                  const Operands<T> operands) {
  constexpr int kMicro = Tile::kMicro;
  float* const keys = reinterpret_cast<float*>(DynamicShared());
  float* const values = keys + Tile::kFloats;
  float* const queries = values + Tile::kFloats;
  float* const gradients = queries + Tile::kFloats;
  float* const scores = gradients + Tile::kFloats;
  const AttentionUnit unit =
      UnitOf(blockIdx.x, sizes.samples, sizes.kv_heads, tiles, TileOrder::kAscending);
  const int64_t first = unit.tile * Tile::kRows;
  const SquareThread at = InSquare();
  LoadFloatTile<Tile, T>(KeyRows(sizes, operands.qkv, unit.sample, unit.head), first, sizes,
                         alignment, keys);
  LoadFloatTile<Tile, T>(ValueRows(sizes, operands.qkv, unit.sample, unit.head), first, sizes,
                         alignment, values);
  float key_sum[kMicro][Tile::kOwned] = {};
  float value_sum[kMicro][Tile::kOwned] = {};
  for (int64_t in_group = 0; in_group < sizes.group; ++in_group) {
    const int64_t head = unit.head * sizes.group + in_group;
    const int64_t statistics = (unit.sample * sizes.heads + head) * sizes.positions;
    for (int64_t tile = unit.tile; tile < tiles; ++tile) {
      const int64_t first_query = tile * Tile::kRows;
      __syncthreads();
      LoadFloatTile<Tile, T>(QueryRows(sizes, operands.qkv, unit.sample, head), first_query, sizes,
                             alignment, queries);
      LoadFloatTile<Tile, T>(OutputRows(sizes, operands.dy, unit.sample, head), first_query, sizes,
                             alignment, gradients);
      __syncthreads();
      float product[kMicro][kMicro];
      float slope[kMicro][kMicro];
      MultiplyRows<Tile>(keys, queries, product);
      MultiplyRows<Tile>(values, gradients, slope);
#pragma unroll
      for (int j = 0; j < kMicro; ++j) {
        const int64_t query = first_query + at.column + kSquare * j;
        const bool exists = query < sizes.positions;
        const float shift = exists ? operands.lse[statistics + query] : 0.0F;
        const float dot = exists ? operands.dots[statistics + query] : 0.0F;
#pragma unroll
        for (int i = 0; i < kMicro; ++i) {
          const bool is_seen = exists && first + at.row * kMicro + i <= query;
          const float p = is_seen ? Exp(product[i][j] * sizes.scale - shift) : 0.0F;
          product[i][j] = p;
          slope[i][j] = p * (slope[i][j] - dot) * sizes.scale;
        }
      }
      StoreScores<Tile>(product, scores);
      AddScoresTimes<Tile>(scores, gradients, value_sum);
      StoreScores<Tile>(slope, scores);
      AddScoresTimes<Tile>(scores, queries, key_sum);
    }
  }
  StoreRows<Tile>(key_sum, KeyRows(sizes, operands.dqkv, unit.sample, unit.head), first, sizes);
  StoreRows<Tile>(value_sum, ValueRows(sizes, operands.dqkv, unit.sample, unit.head), first, sizes);
}

}  // namespace

void LaunchAttentionGradByFloats(const CudaQueue& queue, const AttentionGradCall& call) {
  const AttentionSizes& sizes = call.sizes;
  WithElement("attention_grad", {&call.qkv}, [&](auto element) {
    using T = decltype(element);
    WithFloatTile<T>(sizes.head_width, [&](auto shape) {
      using Tile = decltype(shape);
      const int64_t tiles = CeilDivide(sizes.positions, Tile::kRows);
      const Operands<T> operands = {DataOf<T>(call.qkv), DataOf<T>(call.dy), DataOf<T>(call.dqkv),
                                    call.lse.f32(), call.dots};
      const Alignment alignment = HeadAlignment<T>(sizes, {call.qkv.data, call.dy.data});
      Geometry geometry = {.blocks = tiles * sizes.heads * sizes.samples,
                           .threads = kFloatThreads,
                           .shared_bytes = kGradSharedBytes<Tile>};
      CHECK(geometry.blocks <= kMostBlocks);
      LaunchKernel(queue, "attention_grad", geometry, QueryGradKernel<Tile, T>, sizes, tiles,
                   alignment, operands);
      geometry.blocks = tiles * sizes.kv_heads * sizes.samples;
      LaunchKernel(queue, "attention_grad", geometry, KeyGradKernel<Tile, T>, sizes, tiles,
                   alignment, operands);
    });
  });
}

}  // namespace pprun::kernels
