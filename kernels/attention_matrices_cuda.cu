// Attention's forward by matrix instructions, for bf16: the softmax is corrected tile by tile (Dao
// 2023, "FlashAttention-2"), in powers of two, which the GPU has an instruction for.
#include <cmath>

#include "kernels/cuda_attention_matrices.h"

namespace pprun::kernels {
namespace {

template <int kColumns>
__global__ void __launch_bounds__(kMatrixThreads)
    ForwardKernel(const AttentionSizes sizes, int64_t tiles, Alignment alignment,
                  const Bfloat16* qkv, Bfloat16* y, float* lse) {
  using Tile = MatrixTile<kMatrixRows, kColumns>;
  Bfloat16* const queries = reinterpret_cast<Bfloat16*>(DynamicShared());
  // Keys, then values: two tiles of each.
  Bfloat16* const others = queries + Tile::kElements;
  const AttentionUnit unit =
      UnitOf(blockIdx.x, sizes.samples, sizes.heads, tiles, TileOrder::kDescending);
  const int64_t kv_head = unit.head / sizes.group;
  const int64_t first = unit.tile * kMatrixRows;
  const float scale = sizes.scale * kLog2E;
  LoadMatrixTile<Tile>(QueryRows(sizes, qkv, unit.sample, unit.head), first, sizes, alignment,
                       queries);
  const auto load = [&](int64_t tile) {
    Bfloat16* const keys = others + tile % 2 * 2 * Tile::kElements;
    LoadMatrixTile<Tile>(KeyRows(sizes, qkv, unit.sample, kv_head), tile * kMatrixRows, sizes,
                         alignment, keys);
    LoadMatrixTile<Tile>(ValueRows(sizes, qkv, unit.sample, kv_head), tile * kMatrixRows, sizes,
                         alignment, keys + Tile::kElements);
  };
  load(0);
  Fragment<kColumns> sum;
  float largest[2] = {-INFINITY, -INFINITY};
  float total[2] = {0, 0};
  for (int64_t tile = 0; tile <= unit.tile; ++tile) {
    const Bfloat16* const keys = others + tile % 2 * 2 * Tile::kElements;
    const Bfloat16* const values = keys + Tile::kElements;
    // This tile is there, and no warp still reads the one before it.
    AwaitCopies();
    __syncthreads();
    if (tile < unit.tile) load(tile + 1);
    Fragment<kMatrixRows> scores;
    MultiplyRows<Tile, Tile>(queries, keys, scores);
    if (tile == unit.tile) {
      // Only here are there keys beyond a query, and keys that do not exist are among them.
#pragma unroll
      for (int part = 0; part < kMatrixRows / 8; ++part) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int key = part * 8 + LaneColumn() + i % 2;
          const int query = LaneRow() + i / 2 * 8;
          if (key > query) scores.part[part][i] = -INFINITY;
        }
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float next = largest[half];
#pragma unroll
      for (int part = 0; part < kMatrixRows / 8; ++part) {
        next = fmaxf(next, scores.part[part][2 * half] * scale);
        next = fmaxf(next, scores.part[part][2 * half + 1] * scale);
      }
      // The first tile has key 0, which every query sees: from there on nothing is infinite.
      next = QuadMaximum(next);
      const float correction = PowerOfTwo(largest[half] - next);
      largest[half] = next;
      float part_sum = 0;
#pragma unroll
      for (int part = 0; part < kMatrixRows / 8; ++part) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          const float p = PowerOfTwo(scores.part[part][i] * scale - next);
          scores.part[part][i] = p;
          part_sum += p;
        }
      }
      // The lane's own share; the four lanes' are added at the end.
      total[half] = total[half] * correction + part_sum;
#pragma unroll
      for (int part = 0; part < kColumns / 8; ++part) {
        sum.part[part][2 * half] *= correction;
        sum.part[part][2 * half + 1] *= correction;
      }
    }
    AddScoresTimes<Tile>(scores, values, sum);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float all = QuadSum(total[half]);
    const float reciprocal = 1.0F / all;
#pragma unroll
    for (int part = 0; part < kColumns / 8; ++part) {
      sum.part[part][2 * half] *= reciprocal;
      sum.part[part][2 * half + 1] *= reciprocal;
    }
    const int64_t query = first + LaneRow() + 8 * half;
    if (Lane() % 4 == 0 && query < sizes.positions) {
      lse[(unit.sample * sizes.heads + unit.head) * sizes.positions + query] =
          largest[half] * kLn2 + logf(all);
    }
  }
  StoreFragment(sum, OutputRows(sizes, y, unit.sample, unit.head), first, sizes, alignment);
}

}  // namespace

void LaunchAttentionByMatrices(const CudaQueue& queue, const AttentionForwardCall& call) {
  const AttentionSizes& sizes = call.sizes;
  WithHeadColumns(sizes.head_width, [&](auto columns) {
    constexpr int kColumns = decltype(columns)::kColumns;
    const int64_t tiles = CeilDivide(sizes.positions, kMatrixRows);
    const Geometry geometry = {.blocks = tiles * sizes.heads * sizes.samples,
                               .threads = kMatrixThreads,
                               .shared_bytes = 5 * MatrixTile<kMatrixRows, kColumns>::kElements *
                                               int64_t{sizeof(Bfloat16)}};
    CHECK(geometry.blocks <= kMostBlocks);
    LaunchKernel(queue, "attention", geometry, ForwardKernel<kColumns>, sizes, tiles,
                 HeadAlignment<Bfloat16>(sizes, {call.qkv.data, call.y.data}),
                 DataOf<Bfloat16>(call.qkv), DataOf<Bfloat16>(call.y), call.lse.f32());
  });
}

}  // namespace pprun::kernels
