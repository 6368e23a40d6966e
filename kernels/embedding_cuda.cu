// The forward copies rows. The gradient adds rows of dy that may be the same row of the table; so
// that the sums have a fixed order, tokens are sorted first, each token's row of the table has one
// owner, and no atomics are used.
//
// Sorting is by counting: the place of token t is the number of tokens that come before it, a
// smaller token or the same token earlier. That is T^2 comparisons, a billion for 32768 tokens, of
// two instructions each: a warp makes them for eight t at once.
#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"
#include "kernels/embedding.h"

namespace pprun::kernels {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kOwnTokens = 8;  // that a warp places at a time
// Tokens of a text differ in frequency a thousandfold: many warps for one that has many rows.
constexpr int kSumThreads = 256;
constexpr int kSumWarps = kSumThreads / kWarp;

// A block takes a token.
template <int kWidth, class T>
__global__ void __launch_bounds__(kThreads)
    EmbeddingKernel(int64_t tokens, int64_t columns, const int32_t* token, const T* table, T* y) {
  for (int64_t t = blockIdx.x; t < tokens; t += gridDim.x) {
    const T* const from = table + token[t] * columns;
    T* const to = y + t * columns;
#pragma unroll 1
    for (int64_t at = static_cast<int64_t>(threadIdx.x) * kWidth; at < columns;
         at += kThreads * kWidth) {
      float value[kWidth];
      Load(from + at, value);
      Store(to + at, value);
    }
  }
}

// Adds to `place` how many of token[begin, end) are less than each limit; a lane's share.
__device__ __forceinline__ void CountLess(const int32_t* token, int64_t begin, int64_t end,
                                          const int32_t (&limit)[kOwnTokens],
                                          int32_t (&place)[kOwnTokens]) {
#pragma unroll 4
  for (int64_t other = begin + static_cast<int>(threadIdx.x) % kWarp; other < end; other += kWarp) {
    const int32_t theirs = token[other];
#pragma unroll
    for (int i = 0; i < kOwnTokens; ++i) place[i] += theirs < limit[i] ? 1 : 0;
  }
}

// A warp takes kOwnTokens tokens and finds their places. sorted[place] = the token, order[place] =
// where it was. Of the tokens before them those that are not greater count, of those behind them
// the smaller ones; among them a lane compares its own with all.
__global__ void __launch_bounds__(kThreads)
    SortTokensKernel(int64_t tokens, const int32_t* token, int32_t* sorted, int32_t* order) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kWarps * kOwnTokens;
  for (int64_t first =
           (static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp) * kOwnTokens;
       first < tokens; first += step) {
    int32_t own[kOwnTokens];
    int32_t next[kOwnTokens];
    int32_t place[kOwnTokens] = {};
#pragma unroll
    for (int i = 0; i < kOwnTokens; ++i) {
      own[i] = first + i < tokens ? token[first + i] : 0;
      next[i] = own[i] + 1;
    }
    const int64_t end = first + kOwnTokens < tokens ? first + kOwnTokens : tokens;
    CountLess(token, 0, first, next, place);
    CountLess(token, end, tokens, own, place);
#pragma unroll
    for (int i = 0; i < kOwnTokens; ++i) {
#pragma unroll
      for (int other = 0; other < kOwnTokens; ++other) {
        const bool is_before = own[other] < own[i] || (own[other] == own[i] && other < i);
        if (lane == 0 && first + other < end && is_before) ++place[i];
      }
      const int32_t all = WarpSum(place[i]);
      if (lane == 0 && first + i < end) {
        sorted[all] = own[i];
        order[all] = static_cast<int32_t>(first + i);
      }
    }
  }
}

// How many places from `first` on hold the same token; the same for every lane.
__device__ __forceinline__ int64_t RunLength(const int32_t* sorted, int64_t first, int64_t tokens) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int32_t token = sorted[first];
  for (int64_t length = 0;; length += kWarp) {
    const int64_t place = first + length + lane;
    // Equal ones stand side by side, so their number says which they are.
    const int equal = WarpSum(place < tokens && sorted[place] == token ? 1 : 0);
    if (equal < kWarp) return length + equal;
  }
}

// A block takes a strip of columns of the tokens from one place on, if a new token starts there:
// each warp adds every eighth row of the token's, in ascending order, then the warps' sums are
// added.
template <int kWidth, class T>
__global__ void __launch_bounds__(kSumThreads)
    WeightGradKernel(int64_t tokens, int64_t columns, int64_t strips, const int32_t* sorted,
                     const int32_t* order, const T* dy, float* dtable) {
  constexpr int kStrip = kWarp * kWidth;
  __shared__ float parts[kSumWarps][kStrip];
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int64_t unit = blockIdx.x; unit < tokens * strips; unit += gridDim.x) {
    const int64_t first = unit / strips;
    const int64_t strip = (unit - first * strips) * kStrip;
    const int32_t token = sorted[first];
    if (first > 0 && sorted[first - 1] == token) continue;
    const int64_t column = strip + lane * kWidth;
    const int64_t end = first + RunLength(sorted, first, tokens);
    float sum[kWidth] = {};
    if (column < columns) {
#pragma unroll 8
      for (int64_t place = first + warp; place < end; place += kSumWarps) {
        float value[kWidth];
        Load(dy + order[place] * columns + column, value);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sum[i] += value[i];
      }
    }
#pragma unroll
    for (int i = 0; i < kWidth; ++i) parts[warp][lane * kWidth + i] = sum[i];
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kStrip; i += kSumThreads) {
      if (strip + i >= columns) break;
      float total = parts[0][i];
      for (int other = 1; other < kSumWarps; ++other) total += parts[other][i];
      dtable[token * columns + strip + i] += total;
    }
    __syncthreads();
  }
}

Geometry Blocks(int64_t count, int threads) {
  return {.blocks = std::clamp<int64_t>(count, 1, kMostBlocks), .threads = threads};
}

}  // namespace

void LaunchEmbedding(const CudaQueue& queue, const Tensor& tokens, const Tensor& table,
                     const Tensor& y) {
  const int64_t count = tokens.shape.Elements();
  const int64_t columns = table.shape[1];
  CHECK(y.shape.Elements() == count * columns);
  RequireType("embedding", tokens, DType::kI32);
  WithElement("embedding", {&table, &y}, [&](auto element) {
    using T = decltype(element);
    const bool is_aligned = columns % kVector<T> == 0 && AreAligned({table.data, y.data});
    LaunchKernel(queue, "embedding", Blocks(count, kThreads),
                 is_aligned ? EmbeddingKernel<kVector<T>, T> : EmbeddingKernel<1, T>, count,
                 columns, tokens.i32(), DataOf<T>(table), DataOf<T>(y));
  });
}

void LaunchEmbeddingWeightGrad(const CudaQueue& queue, const Tensor& tokens, const Tensor& dy,
                               const Tensor& dtable) {
  const int64_t count = tokens.shape.Elements();
  const int64_t columns = dtable.shape[1];
  CHECK(dy.shape.Elements() == count * columns);
  CHECK(count < int64_t{1} << 31);
  RequireType("embedding_weight_grad", tokens, DType::kI32);
  RequireType("embedding_weight_grad", dtable, DType::kF32);
  int32_t* const sorted = ScratchOf<int32_t>(queue, 2 * count);
  int32_t* const order = sorted + count;
  LaunchKernel(queue, "embedding_weight_grad",
               Blocks(CeilDivide(count, kWarps * kOwnTokens), kThreads), SortTokensKernel, count,
               tokens.i32(), sorted, order);
  WithElement("embedding_weight_grad", {&dy}, [&](auto element) {
    using T = decltype(element);
    const bool is_aligned = columns % kVector<T> == 0 && AreAligned({dy.data});
    const int64_t strips = CeilDivide(columns, kWarp * (is_aligned ? kVector<T> : 1));
    LaunchKernel(queue, "embedding_weight_grad", Blocks(count * strips, kSumThreads),
                 is_aligned ? WeightGradKernel<kVector<T>, T> : WeightGradKernel<1, T>, count,
                 columns, strips, sorted, order, DataOf<T>(dy), dtable.f32());
  });
}

}  // namespace pprun::kernels
