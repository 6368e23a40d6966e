// One thread takes whole rows; a row (d floats) stays in the first cache between its passes.
#include <cmath>

#include "compiler/plan/base/check.h"
#include "kernels/column_sum.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/norm.h"
#include "kernels/parallel.h"
#include "kernels/rms_norm.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

struct Rows {
  int64_t begin;
  int64_t end;
  int64_t width;
};

PPRUN_VECTORISED
void Forward(const Rows& rows, const float* x, const float* weight, float* y, float* rstd,
             float epsilon) {
  const int64_t n = rows.width;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const float* from = x + row * n;
    float* to = y + row * n;
    const float r = 1.0F / std::sqrt(Dot(from, from, n) / static_cast<float>(n) + epsilon);
    rstd[row] = r;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] = RmsNormElement(from[i], r, weight[i]);
  }
}

// The sum of dy weight x over a row.
PPRUN_INLINE float TripleDot(const float* a, const float* b, const float* c, int64_t n) {
  FloatLanes sum = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    sum += LoadLanes(a + i) * LoadLanes(b + i) * LoadLanes(c + i);
  float rest = 0;
  for (; i < n; ++i) rest += a[i] * b[i] * c[i];
  return SumOfLanes(sum) + rest;
}

PPRUN_VECTORISED
void InputGrad(const Rows& rows, const float* x, const float* dy, const float* weight,
               const float* rstd, const float* passed, float* dx) {
  const int64_t n = rows.width;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const float* input = x + row * n;
    const float* gradient = dy + row * n;
    float* to = dx + row * n;
    const float r = rstd[row];
    const float average = TripleDot(gradient, weight, input, n) / static_cast<float>(n);
    const float pull = r * r * average;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
      to[i] = RmsNormGradElement(input[i], gradient[i], weight[i], r, pull);
    if (passed == nullptr) continue;
    const float* also = passed + row * n;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] = also[i] + to[i];
  }
}

PPRUN_VECTORISED
void WeightGrad(int64_t rows, int64_t width, int64_t begin, int64_t end, const float* x,
                const float* dy, const float* rstd, float* dweight) {
  AddColumnSums(rows, begin, end, dweight, [&](int64_t row, int64_t j) {
    return dy[row * width + j] * (x[row * width + j] * rstd[row]);
  });
}

}  // namespace

void LaunchRmsNorm(const CpuQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& y,
                   const Tensor& rstd, float epsilon) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t width = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * width);
  CHECK(y.shape.Elements() == rows * width);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    Forward({begin, end, width}, x.f32(), weight.f32(), y.f32(), rstd.f32(), epsilon);
  });
}

void LaunchRmsNormInputGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& weight, const Tensor& rstd, const Tensor& passed,
                            const Tensor& dx) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t width = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * width);
  CHECK(dx.shape.Elements() == rows * width);
  CHECK(!passed || passed.shape.Elements() == rows * width);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    InputGrad({begin, end, width}, x.f32(), dy.f32(), weight.f32(), rstd.f32(), passed.f32(),
              dx.f32());
  });
}

void LaunchRmsNormWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                             const Tensor& rstd, const Tensor& dweight) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t width = dweight.shape.Elements();
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * width);
  ForRanges(queue, width, RowGrain(rows), [&](int64_t begin, int64_t end) {
    WeightGrad(rows, width, begin, end, x.f32(), dy.f32(), rstd.f32(), dweight.f32());
  });
}

}  // namespace pprun::kernels
