// Attention's gradients by matrix instructions, for bf16. P is computed again from lse; P and dS
// are rounded to bf16 as operands, all sums are floats.
#include <cmath>

#include "kernels/cuda_attention_matrices.h"

namespace pprun::kernels {
namespace {

struct Operands {
  const Bfloat16* qkv;
  const Bfloat16* dy;
  Bfloat16* dqkv;
  const float* lse;
  const float* dots;
  Alignment alignment;
};

// A block takes a tile of queries and goes through the keys.
template <int kColumns>
__global__ void __launch_bounds__(kMatrixThreads)
    QueryGradKernel(const AttentionSizes sizes, int64_t tiles, const Operands operands) {
  using Tile = MatrixTile<kMatrixRows, kColumns>;
  Bfloat16* const queries = reinterpret_cast<Bfloat16*>(DynamicShared());
  Bfloat16* const gradients = queries + Tile::kElements;
  // Keys, then values: two tiles of each.
  Bfloat16* const others = gradients + Tile::kElements;
  const AttentionUnit unit =
      UnitOf(blockIdx.x, sizes.samples, sizes.heads, tiles, TileOrder::kDescending);
  const int64_t kv_head = unit.head / sizes.group;
  const int64_t first = unit.tile * kMatrixRows;
  LoadMatrixTile<Tile>(QueryRows(sizes, operands.qkv, unit.sample, unit.head), first, sizes,
                       operands.alignment, queries);
  LoadMatrixTile<Tile>(OutputRows(sizes, operands.dy, unit.sample, unit.head), first, sizes,
                       operands.alignment, gradients);
  const int64_t statistics = (unit.sample * sizes.heads + unit.head) * sizes.positions;
  float shift[2];
  float dot[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int64_t query = first + LaneRow() + 8 * half;
    const bool exists = query < sizes.positions;
    shift[half] = exists ? operands.lse[statistics + query] * kLog2E : 0.0F;
    dot[half] = exists ? operands.dots[statistics + query] : 0.0F;
  }
  const float scale = sizes.scale * kLog2E;
  const auto load = [&](int64_t tile) {
    Bfloat16* const keys = others + tile % 2 * 2 * Tile::kElements;
    LoadMatrixTile<Tile>(KeyRows(sizes, operands.qkv, unit.sample, kv_head), tile * kMatrixRows,
                         sizes, operands.alignment, keys);
    LoadMatrixTile<Tile>(ValueRows(sizes, operands.qkv, unit.sample, kv_head), tile * kMatrixRows,
                         sizes, operands.alignment, keys + Tile::kElements);
  };
  load(0);
  Fragment<kColumns> sum;
  for (int64_t tile = 0; tile <= unit.tile; ++tile) {
    const Bfloat16* const keys = others + tile % 2 * 2 * Tile::kElements;
    const Bfloat16* const values = keys + Tile::kElements;
    // This tile is there, and no warp still reads the one before it.
    AwaitCopies();
    __syncthreads();
    if (tile < unit.tile) load(tile + 1);
    Fragment<kMatrixRows> scores;
    Fragment<kMatrixRows> slopes;
    MultiplyRows<Tile, Tile>(queries, keys, scores);
    MultiplyRows<Tile, Tile>(gradients, values, slopes);
#pragma unroll
    for (int part = 0; part < kMatrixRows / 8; ++part) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = part * 8 + LaneColumn() + i % 2;
        const bool is_seen = tile < unit.tile || key <= LaneRow() + i / 2 * 8;
        const float p = is_seen ? PowerOfTwo(scores.part[part][i] * scale - shift[i / 2]) : 0.0F;
        slopes.part[part][i] = p * (slopes.part[part][i] - dot[i / 2]) * sizes.scale;
      }
    }
    AddScoresTimes<Tile>(slopes, keys, sum);
  }
  StoreFragment(sum, QueryRows(sizes, operands.dqkv, unit.sample, unit.head), first, sizes,
                operands.alignment);
}

// Queries that a block of keys takes at a time: fewer for wide heads, whose sums fill the
// registers.
template <int kColumns>
inline constexpr int kQueryRows = kColumns > 64 ? 32 : 64;

// A block takes a tile of keys and their values, and goes through the queries of the heads that use
// them, in ascending order: transposed scores, so that a warp's rows are keys.
template <int kColumns>
__global__ void __launch_bounds__(kMatrixThreads)
    KeyGradKernel(const AttentionSizes sizes, int64_t tiles, const Operands operands) {
  using Tile = MatrixTile<kMatrixRows, kColumns>;
  using QueryTile = MatrixTile<kQueryRows<kColumns>, kColumns>;
  Bfloat16* const keys = reinterpret_cast<Bfloat16*>(DynamicShared());
  Bfloat16* const values = keys + Tile::kElements;
  // Queries, then gradients: two tiles of each; then two rows each of shifts and dots.
  Bfloat16* const others = values + Tile::kElements;
  float* const statistics = reinterpret_cast<float*>(others + 4 * QueryTile::kElements);
  const AttentionUnit unit =
      UnitOf(blockIdx.x, sizes.samples, sizes.kv_heads, tiles, TileOrder::kAscending);
  const int64_t first = unit.tile * kMatrixRows;
  LoadMatrixTile<Tile>(KeyRows(sizes, operands.qkv, unit.sample, unit.head), first, sizes,
                       operands.alignment, keys);
  LoadMatrixTile<Tile>(ValueRows(sizes, operands.qkv, unit.sample, unit.head), first, sizes,
                       operands.alignment, values);
  const float scale = sizes.scale * kLog2E;
  Fragment<kColumns> key_sum;
  Fragment<kColumns> value_sum;
  // Tiles of all heads of the group, one after the other.
  const int64_t tiles_of_head = (sizes.positions - first + QueryTile::kRows - 1) / QueryTile::kRows;
  const int64_t count = tiles_of_head * sizes.group;
  const auto load = [&](int64_t tile) {
    const int64_t in_group = tile / tiles_of_head;
    const int64_t head = unit.head * sizes.group + in_group;
    const int64_t from = first + (tile - in_group * tiles_of_head) * QueryTile::kRows;
    Bfloat16* const queries = others + tile % 2 * 2 * QueryTile::kElements;
    LoadMatrixTile<QueryTile>(QueryRows(sizes, operands.qkv, unit.sample, head), from, sizes,
                              operands.alignment, queries);
    LoadMatrixTile<QueryTile>(OutputRows(sizes, operands.dy, unit.sample, head), from, sizes,
                              operands.alignment, queries + QueryTile::kElements);
  };
  // A thread's share of a tile's lse and D; infinity makes P zero for queries that do not exist.
  const auto statistic = [&](int64_t tile) {
    const int64_t in_group = tile / tiles_of_head;
    const int64_t row = static_cast<int>(threadIdx.x) % QueryTile::kRows;
    const int64_t query = first + (tile - in_group * tiles_of_head) * QueryTile::kRows + row;
    const bool is_shift = threadIdx.x < QueryTile::kRows;
    if (query >= sizes.positions) return is_shift ? INFINITY : 0.0F;
    const int64_t head = unit.head * sizes.group + in_group;
    const int64_t at = (unit.sample * sizes.heads + head) * sizes.positions + query;
    return is_shift ? operands.lse[at] * kLog2E : operands.dots[at];
  };
  const bool has_statistic = threadIdx.x < 2 * QueryTile::kRows;
  load(0);
  if (has_statistic) statistics[threadIdx.x] = statistic(0);
  for (int64_t tile = 0; tile < count; ++tile) {
    const int64_t first_query = first + tile % tiles_of_head * QueryTile::kRows;
    const Bfloat16* const queries = others + tile % 2 * 2 * QueryTile::kElements;
    const Bfloat16* const gradients = queries + QueryTile::kElements;
    const float* const shifts = statistics + tile % 2 * 2 * QueryTile::kRows;
    const float* const dots = shifts + QueryTile::kRows;
    // This tile is there, and no warp still reads the one before it.
    AwaitCopies();
    __syncthreads();
    float next = 0;
    if (tile + 1 < count) {
      load(tile + 1);
      if (has_statistic) next = statistic(tile + 1);
    }
    Fragment<QueryTile::kRows> scores;
    Fragment<QueryTile::kRows> slopes;
    MultiplyRows<Tile, QueryTile>(keys, queries, scores);
    MultiplyRows<Tile, QueryTile>(values, gradients, slopes);
#pragma unroll
    for (int part = 0; part < QueryTile::kRows / 8; ++part) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int query = part * 8 + LaneColumn() + i % 2;
        const bool is_seen = first + LaneRow() + i / 2 * 8 <= first_query + query;
        const float p = is_seen ? PowerOfTwo(scores.part[part][i] * scale - shifts[query]) : 0.0F;
        scores.part[part][i] = p;
        slopes.part[part][i] = p * (slopes.part[part][i] - dots[query]) * sizes.scale;
      }
    }
    AddScoresTimes<QueryTile>(scores, gradients, value_sum);
    AddScoresTimes<QueryTile>(slopes, queries, key_sum);
    if (has_statistic) statistics[(tile + 1) % 2 * 2 * QueryTile::kRows + threadIdx.x] = next;
  }
  StoreFragment(key_sum, KeyRows(sizes, operands.dqkv, unit.sample, unit.head), first, sizes,
                operands.alignment);
  StoreFragment(value_sum, ValueRows(sizes, operands.dqkv, unit.sample, unit.head), first, sizes,
                operands.alignment);
}

}  // namespace

void LaunchAttentionGradByMatrices(const CudaQueue& queue, const AttentionGradCall& call) {
  const AttentionSizes& sizes = call.sizes;
  const Operands operands = {
      DataOf<Bfloat16>(call.qkv),
      DataOf<Bfloat16>(call.dy),
      DataOf<Bfloat16>(call.dqkv),
      call.lse.f32(),
      call.dots,
      HeadAlignment<Bfloat16>(sizes, {call.qkv.data, call.dy.data, call.dqkv.data})};
  WithHeadColumns(sizes.head_width, [&](auto columns) {
    constexpr int kColumns = decltype(columns)::kColumns;
    constexpr int64_t kTileBytes =
        MatrixTile<kMatrixRows, kColumns>::kElements * int64_t{sizeof(Bfloat16)};
    using QueryTile = MatrixTile<kQueryRows<kColumns>, kColumns>;
    const int64_t tiles = CeilDivide(sizes.positions, kMatrixRows);
    Geometry geometry = {.blocks = tiles * sizes.heads * sizes.samples,
                         .threads = kMatrixThreads,
                         .shared_bytes = 6 * kTileBytes};
    CHECK(geometry.blocks <= kMostBlocks);
    LaunchKernel(queue, "attention_grad", geometry, QueryGradKernel<kColumns>, sizes, tiles,
                 operands);
    geometry.blocks = tiles * sizes.kv_heads * sizes.samples;
    geometry.shared_bytes = 2 * kTileBytes + 4 * QueryTile::kElements * int64_t{sizeof(Bfloat16)} +
                            4 * QueryTile::kRows * int64_t{sizeof(float)};
    LaunchKernel(queue, "attention_grad", geometry, KeyGradKernel<kColumns>, sizes, tiles,
                 operands);
  });
}

}  // namespace pprun::kernels
