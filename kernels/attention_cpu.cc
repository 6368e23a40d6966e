// One unit of work is a block of queries of one head of one sample: two products and a softmax
// between them, all in one thread. Keys beyond the block's last query are never touched; within the
// block those beyond a query weigh zero.
#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/attention_sizes.h"
#include "kernels/cpu_queue.h"
#include "kernels/parallel.h"
#include "kernels/plain_product.h"
#include "kernels/softmax.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// Row r of the scores belongs to query first + r, which sees keys [0, first + r]. Leaves exp(scale
// (S - max)) and keeps the reciprocal of each row's sum.
PPRUN_VECTORISED
void SoftmaxRows(float* scores, int64_t first, int64_t rows, int64_t keys, float scale,
                 float* reciprocal, float* lse) {
  for (int64_t row = 0; row < rows; ++row) {
    float* s = scores + row * keys;
    const int64_t seen = first + row + 1;
#pragma omp simd
    for (int64_t j = 0; j < seen; ++j) s[j] *= scale;
    const float largest = Maximum(s, seen);
    ExpShifted(s, largest, seen, s);
    const float sum = Sum(s, seen);
    std::fill(s + seen, s + keys, 0.0F);
    reciprocal[row] = 1.0F / sum;
    lse[row] =
        static_cast<float>(static_cast<double>(largest) + std::log(static_cast<double>(sum)));
  }
}

PPRUN_VECTORISED
void ScaleRow(float* y, float factor, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] *= factor;
}

}  // namespace

void LaunchAttention(const CpuQueue& queue, const Tensor& qkv, const Tensor& y, const Tensor& lse,
                     const AttentionHeads& heads) {
  const AttentionSizes sizes = SizesOf(qkv, y, lse, heads);
  const int64_t blocks = (sizes.positions + kQueryBlock - 1) / kQueryBlock;
  const int64_t scratch_each = kQueryBlock * sizes.positions + kQueryBlock;
  float* scratch = ScratchFloats(queue, scratch_each * queue.threads);
  ForUnits(queue, sizes.samples * sizes.heads * blocks, [&](int64_t unit, int64_t worker) {
    const int64_t block = unit % blocks;
    const int64_t head = unit / blocks % sizes.heads;
    const int64_t sample = unit / blocks / sizes.heads;
    const int64_t first = block * kQueryBlock;
    const int64_t rows = std::min(kQueryBlock, sizes.positions - first);
    const int64_t keys = first + rows;
    const float* packed = qkv.f32() + sample * sizes.positions * sizes.qkv_width;
    float* scores = scratch + worker * scratch_each;
    float* reciprocal = scores + kQueryBlock * sizes.positions;
    float* to =
        y.f32() + (sample * sizes.positions + first) * sizes.y_width + head * sizes.head_width;
    MultiplyPlain({.m = rows,
                   .n = keys,
                   .k = sizes.head_width,
                   .b_form = MatrixForm::kTransposed,
                   .a_stride = sizes.qkv_width,
                   .b_stride = sizes.qkv_width,
                   .c_stride = keys},
                  packed + first * sizes.qkv_width + QueryOffset(sizes, head),
                  packed + KeyOffset(sizes, head / sizes.group), nullptr, scores);
    SoftmaxRows(scores, first, rows, keys, sizes.scale, reciprocal,
                lse.f32() + (sample * sizes.heads + head) * sizes.positions + first);
    MultiplyPlain({.m = rows,
                   .n = sizes.head_width,
                   .k = keys,
                   .a_stride = keys,
                   .b_stride = sizes.qkv_width,
                   .c_stride = sizes.y_width},
                  scores, packed + ValueOffset(sizes, head / sizes.group), nullptr, to);
    for (int64_t row = 0; row < rows; ++row)
      ScaleRow(to + row * sizes.y_width, reciprocal[row], sizes.head_width);
  });
}

}  // namespace pprun::kernels
