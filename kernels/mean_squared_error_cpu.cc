// Threads share the tokens; each token's loss goes to scratch, and one thread adds them in order.
#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/mean_squared_error.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// (x - 1)^2 in place of x^2 at the target, in double: nothing large cancels. Outside of the target
// the terms are added apart, before and after it.
PPRUN_VECTORISED
void Forward(const float* x, const int32_t* targets, int64_t begin, int64_t end, int64_t width,
             double* losses) {
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x + row * width;
    const int64_t target = targets[row];
    const double off = static_cast<double>(from[target]) - 1.0;
    const float* after = from + target + 1;
    losses[row] = off * off + static_cast<double>(Dot(from, from, target)) +
                  static_cast<double>(Dot(after, after, width - target - 1));
  }
}

PPRUN_VECTORISED
void Backward(const float* x, const int32_t* targets, int64_t begin, int64_t end, int64_t width,
              float scale, float* dx) {
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x + row * width;
    float* to = dx + row * width;
    const float at_target = scale * (from[targets[row]] - 1.0F);
#pragma omp simd
    for (int64_t v = 0; v < width; ++v) to[v] = scale * from[v];
    to[targets[row]] = at_target;
  }
}

}  // namespace

void LaunchMeanSquaredError(const CpuQueue& queue, const Tensor& x, const Tensor& targets,
                            const Tensor& loss, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t width = x.shape.Elements() / rows;
  CHECK(x.shape.Elements() == rows * width);
  double* losses = ScratchDoubles(queue, rows);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    Forward(x.f32(), targets.i32(), begin, end, width, losses);
  });
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum += losses[row];
  *loss.f64() = loss_scale * sum;
}

void LaunchMeanSquaredErrorGrad(const CpuQueue& queue, const Tensor& x, const Tensor& targets,
                                const Tensor& dx, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t width = x.shape.Elements() / rows;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dx.shape.Elements() == rows * width);
  ForRanges(queue, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
    Backward(x.f32(), targets.i32(), begin, end, width, static_cast<float>(2.0 * loss_scale),
             dx.f32());
  });
}

}  // namespace pprun::kernels
