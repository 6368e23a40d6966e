#include "compiler/plan/base/check.h"
#include "kernels/add.h"
#include "kernels/cpu_queue.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

PPRUN_VECTORISED void AddLoop(const float* a, const float* b, float* y, int64_t begin,
                              int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
}

}  // namespace

void LaunchAdd(const CpuQueue& queue, const Tensor& a, const Tensor& b, const Tensor& y) {
  CHECK(a.shape == b.shape);
  CHECK(a.shape == y.shape);
  ForRanges(queue, y.shape.Elements(), kElementGrain,
            [&](int64_t begin, int64_t end) { AddLoop(a.f32(), b.f32(), y.f32(), begin, end); });
}

}  // namespace pprun::kernels
