#include <algorithm>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/embedding.h"
#include "kernels/parallel.h"

namespace pprun::kernels {

void LaunchEmbedding(const CpuQueue& queue, const Tensor& tokens, const Tensor& table,
                     const Tensor& y) {
  const int64_t rows = tokens.shape.Elements();
  const int64_t width = table.shape[1];
  CHECK(y.shape.Elements() == rows * width);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      std::copy_n(table.f32() + tokens.i32()[row] * width, width, y.f32() + row * width);
    }
  });
}

// Threads share the columns, not the tokens: two tokens may be the same row of the table.
void LaunchEmbeddingWeightGrad(const CpuQueue& queue, const Tensor& tokens, const Tensor& dy,
                               const Tensor& dtable) {
  const int64_t rows = tokens.shape.Elements();
  const int64_t width = dtable.shape[1];
  CHECK(dy.shape.Elements() == rows * width);
  ForRanges(queue, width, RowGrain(rows), [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      const float* from = dy.f32() + row * width;
      float* to = dtable.f32() + tokens.i32()[row] * width;
#pragma omp simd
      for (int64_t column = begin; column < end; ++column) to[column] += from[column];
    }
  });
}

}  // namespace pprun::kernels
