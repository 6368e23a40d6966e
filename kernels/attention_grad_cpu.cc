// One unit of work is one key head of one sample with the query heads that use it, in one thread:
// dK and dV are sums over its query heads and their blocks, in ascending order. Five products a
// block of queries.
#include <algorithm>

#include "kernels/attention.h"
#include "kernels/attention_sizes.h"
#include "kernels/cpu_queue.h"
#include "kernels/parallel.h"
#include "kernels/plain_product.h"
#include "kernels/softmax.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// scores: S without its scale, becomes P; slopes: dY V^T, becomes dS times the scale. Both are zero
// beyond a row's query.
PPRUN_VECTORISED
void SoftmaxGradRows(float* scores, float* slopes, int64_t first, int64_t rows, int64_t keys,
                     float scale, const float* lse, const float* y, const float* dy,
                     int64_t y_stride, int64_t head_width) {
  for (int64_t row = 0; row < rows; ++row) {
    float* p = scores + row * keys;
    float* ds = slopes + row * keys;
    const int64_t seen = first + row + 1;
    const float shift = lse[row];
    const float d = Dot(y + row * y_stride, dy + row * y_stride, head_width);
#pragma omp simd
    for (int64_t j = 0; j < seen; ++j) {
      const float weight = Exp(p[j] * scale - shift);
      p[j] = weight;
      ds[j] = weight * (ds[j] - d) * scale;
    }
    std::fill(p + seen, p + keys, 0.0F);
    std::fill(ds + seen, ds + keys, 0.0F);
  }
}

// The gradients of one key head: every element of its dQ, dK and dV.
struct Head {
  const AttentionSizes& sizes;
  const float* packed;  // the sample's qkv
  float* gradient;      // the sample's dqkv
  const float* y;       // the sample's
  const float* dy;
  const float* lse;
  float* scores;
  float* slopes;
};

void QueryBlock(const Head& at, int64_t head, int64_t first) {
  const AttentionSizes& sizes = at.sizes;
  const int64_t width = sizes.head_width;
  const int64_t stride = sizes.qkv_width;
  const int64_t rows = std::min(kQueryBlock, sizes.positions - first);
  const int64_t keys = first + rows;
  const int64_t kv_head = head / sizes.group;
  const int64_t query = first * stride + QueryOffset(sizes, head);
  const int64_t y_at = first * sizes.y_width + head * width;
  const int64_t key = KeyOffset(sizes, kv_head);
  const int64_t value = ValueOffset(sizes, kv_head);
  const Product against_keys = {.m = rows,
                                .n = keys,
                                .k = width,
                                .b_form = MatrixForm::kTransposed,
                                .a_stride = stride,
                                .b_stride = stride,
                                .c_stride = keys};
  Product against_values = against_keys;
  against_values.a_stride = sizes.y_width;
  MultiplyPlain(against_keys, at.packed + query, at.packed + key, nullptr, at.scores);
  MultiplyPlain(against_values, at.dy + y_at, at.packed + value, nullptr, at.slopes);
  SoftmaxGradRows(at.scores, at.slopes, first, rows, keys, sizes.scale,
                  at.lse + head * sizes.positions + first, at.y + y_at, at.dy + y_at, sizes.y_width,
                  width);
  const Product to_queries = {
      .m = rows, .n = width, .k = keys, .a_stride = keys, .b_stride = stride, .c_stride = stride};
  MultiplyPlain(to_queries, at.slopes, at.packed + key, nullptr, at.gradient + query);
  const Product to_keys = {.m = keys,
                           .n = width,
                           .k = rows,
                           .a_form = MatrixForm::kTransposed,
                           .a_stride = keys,
                           .b_stride = stride,
                           .c_stride = stride,
                           .result = Result::kAccumulate};
  Product to_values = to_keys;
  to_values.b_stride = sizes.y_width;
  MultiplyPlain(to_keys, at.slopes, at.packed + query, nullptr, at.gradient + key);
  MultiplyPlain(to_values, at.scores, at.dy + y_at, nullptr, at.gradient + value);
}

void ClearRows(float* from, int64_t rows, int64_t width, int64_t stride) {
  for (int64_t row = 0; row < rows; ++row) std::fill_n(from + row * stride, width, 0.0F);
}

}  // namespace

void LaunchAttentionGrad(const CpuQueue& queue, const Tensor& qkv, const Tensor& y,
                         const Tensor& lse, const Tensor& dy, const Tensor& dqkv,
                         const AttentionHeads& heads) {
  const AttentionSizes sizes = SizesOf(qkv, y, lse, heads);
  CHECK(dy.shape == y.shape);
  CHECK(dqkv.shape == qkv.shape);
  const int64_t block = kQueryBlock * sizes.positions;
  float* scratch = ScratchFloats(queue, 2 * block * queue.threads);
  ForUnits(queue, sizes.samples * sizes.kv_heads, [&](int64_t unit, int64_t worker) {
    const int64_t kv_head = unit % sizes.kv_heads;
    const int64_t sample = unit / sizes.kv_heads;
    const Head at = {.sizes = sizes,
                     .packed = qkv.f32() + sample * sizes.positions * sizes.qkv_width,
                     .gradient = dqkv.f32() + sample * sizes.positions * sizes.qkv_width,
                     .y = y.f32() + sample * sizes.positions * sizes.y_width,
                     .dy = dy.f32() + sample * sizes.positions * sizes.y_width,
                     .lse = lse.f32() + sample * sizes.heads * sizes.positions,
                     .scores = scratch + worker * 2 * block,
                     .slopes = scratch + worker * 2 * block + block};
    ClearRows(at.gradient + KeyOffset(sizes, kv_head), sizes.positions, sizes.head_width,
              sizes.qkv_width);
    ClearRows(at.gradient + ValueOffset(sizes, kv_head), sizes.positions, sizes.head_width,
              sizes.qkv_width);
    for (int64_t head = kv_head * sizes.group; head < (kv_head + 1) * sizes.group; ++head) {
      for (int64_t first = 0; first < sizes.positions; first += kQueryBlock)
        QueryBlock(at, head, first);
    }
  });
}

}  // namespace pprun::kernels
