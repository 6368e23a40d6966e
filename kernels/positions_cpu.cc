#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/parallel.h"
#include "kernels/positions.h"

namespace pprun::kernels {

void LaunchPositions(const CpuQueue& queue, const Tensor& x, const Tensor& table, const Tensor& y) {
  CHECK(x.shape.rank == 3);
  CHECK(x.shape == y.shape);
  CHECK(table.shape[0] >= x.shape[1]);
  CHECK(table.shape[1] == x.shape[2]);
  const int64_t sample = x.shape[1] * x.shape[2];
  ForRanges(queue, x.shape[0], RowGrain(sample), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* from = x.f32() + i * sample;
      const float* position = table.f32();
      float* to = y.f32() + i * sample;
#pragma omp simd
      for (int64_t j = 0; j < sample; ++j) to[j] = from[j] + position[j];
    }
  });
}

void LaunchPositionsWeightGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& dtable) {
  CHECK(dy.shape.rank == 3);
  CHECK(dtable.shape[0] >= dy.shape[1]);
  CHECK(dtable.shape[1] == dy.shape[2]);
  const int64_t samples = dy.shape[0];
  const int64_t sample = dy.shape[1] * dy.shape[2];
  ForRanges(queue, sample, RowGrain(samples), [&](int64_t begin, int64_t end) {
    float* to = dtable.f32();
    for (int64_t i = 0; i < samples; ++i) {
      const float* from = dy.f32() + i * sample;
#pragma omp simd
      for (int64_t j = begin; j < end; ++j) to[j] += from[j];
    }
  });
}

}  // namespace pprun::kernels
