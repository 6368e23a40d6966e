// One thread takes whole rows; a row (d floats) stays in the first cache between its passes.
#include <cmath>

#include "compiler/plan/base/check.h"
#include "kernels/column_sum.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/norm.h"
#include "kernels/layer_norm.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

struct Rows {
  int64_t begin;
  int64_t end;
  int64_t width;
};

// The sum of (x - mean)^2: the second pass over the row, since E[x^2] - mean^2 would cancel.
PPRUN_INLINE float SquaredDeviations(const float* x, int64_t n, float mean) {
  FloatLanes sum = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const FloatLanes deviation = LoadLanes(x + i) - mean;
    sum += deviation * deviation;
  }
  float rest = 0;
  for (; i < n; ++i) rest += (x[i] - mean) * (x[i] - mean);
  return SumOfLanes(sum) + rest;
}

PPRUN_VECTORISED
void Forward(const Rows& rows, const float* x, const float* weight, const float* bias, float* y,
             float* mean, float* rstd, float epsilon) {
  const int64_t n = rows.width;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const float* from = x + row * n;
    float* to = y + row * n;
    const float m = Sum(from, n) / static_cast<float>(n);
    const float variance = SquaredDeviations(from, n, m) / static_cast<float>(n);
    const float r = 1.0F / std::sqrt(variance + epsilon);
    mean[row] = m;
    rstd[row] = r;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] = LayerNormElement(from[i], m, r, weight[i], bias[i]);
  }
}

// The row's sums of g and of g xhat, where g = dy weight.
struct GradientSums {
  float g;
  float g_xhat;
};

PPRUN_INLINE GradientSums SumGradient(const float* x, const float* dy, const float* weight,
                                      int64_t n, float mean, float rstd) {
  FloatLanes sum = {};
  FloatLanes sum_xhat = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const FloatLanes g = LoadLanes(dy + i) * LoadLanes(weight + i);
    sum += g;
    sum_xhat += g * ((LoadLanes(x + i) - mean) * rstd);
  }
  float rest = 0;
  float rest_xhat = 0;
  for (; i < n; ++i) {
    const float g = dy[i] * weight[i];
    rest += g;
    rest_xhat += g * Normalised(x[i], mean, rstd);
  }
  return {SumOfLanes(sum) + rest, SumOfLanes(sum_xhat) + rest_xhat};
}

PPRUN_VECTORISED
void InputGrad(const Rows& rows, const float* x, const float* dy, const float* weight,
               const float* mean, const float* rstd, const float* passed, float* dx) {
  const int64_t n = rows.width;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const float* input = x + row * n;
    const float* gradient = dy + row * n;
    float* to = dx + row * n;
    const float m = mean[row];
    const float r = rstd[row];
    const GradientSums sums = SumGradient(input, gradient, weight, n, m, r);
    const float average = sums.g / static_cast<float>(n);
    const float average_xhat = sums.g_xhat / static_cast<float>(n);
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
      const float xhat = Normalised(input[i], m, r);
      to[i] = LayerNormGradElement(xhat, gradient[i], weight[i], r, average, average_xhat);
    }
    if (passed == nullptr) continue;
    const float* also = passed + row * n;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] = also[i] + to[i];
  }
}

PPRUN_VECTORISED
void WeightGrad(int64_t rows, int64_t width, int64_t begin, int64_t end, const float* x,
                const float* dy, const float* mean, const float* rstd, float* dweight,
                float* dbias) {
  AddColumnSums(rows, begin, end, dweight, [&](int64_t row, int64_t j) {
    return dy[row * width + j] * Normalised(x[row * width + j], mean[row], rstd[row]);
  });
  AddColumnSums(rows, begin, end, dbias,
                [&](int64_t row, int64_t j) { return dy[row * width + j]; });
}

}  // namespace

void LaunchLayerNorm(const CpuQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& y, const Tensor& mean, const Tensor& rstd,
                     float epsilon) {
  const int64_t rows = mean.shape.Elements();
  const int64_t width = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * width);
  CHECK(y.shape.Elements() == rows * width);
  CHECK(bias.shape.Elements() == width);
  CHECK(rstd.shape.Elements() == rows);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    Forward({begin, end, width}, x.f32(), weight.f32(), bias.f32(), y.f32(), mean.f32(), rstd.f32(),
            epsilon);
  });
}

void LaunchLayerNormInputGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                              const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                              const Tensor& passed, const Tensor& dx) {
  const int64_t rows = mean.shape.Elements();
  const int64_t width = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * width);
  CHECK(dx.shape.Elements() == rows * width);
  CHECK(!passed || passed.shape.Elements() == rows * width);
  CHECK(rstd.shape.Elements() == rows);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    InputGrad({begin, end, width}, x.f32(), dy.f32(), weight.f32(), mean.f32(), rstd.f32(),
              passed.f32(), dx.f32());
  });
}

void LaunchLayerNormWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                               const Tensor& mean, const Tensor& rstd, const Tensor& dweight,
                               const Tensor& dbias) {
  const int64_t rows = mean.shape.Elements();
  const int64_t width = dweight.shape.Elements();
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * width);
  CHECK(rstd.shape.Elements() == rows);
  CHECK(dbias.shape.Elements() == width);
  ForRanges(queue, width, RowGrain(rows), [&](int64_t begin, int64_t end) {
    WeightGrad(rows, width, begin, end, x.f32(), dy.f32(), mean.f32(), rstd.f32(), dweight.f32(),
               dbias.f32());
  });
}

}  // namespace pprun::kernels
