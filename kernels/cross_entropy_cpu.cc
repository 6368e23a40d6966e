// Threads share the tokens; each token's loss goes to scratch, and one thread adds them in order.
#include <cmath>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/cross_entropy.h"
#include "kernels/parallel.h"
#include "kernels/softmax.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// log of the sum of exponentials of a row.
PPRUN_INLINE double LogSumOf(const float* x, int64_t width) {
  const float largest = Maximum(x, width);
  return static_cast<double>(largest) +
         std::log(static_cast<double>(SumOfExpShifted(x, largest, width)));
}

PPRUN_INLINE void GradientOf(const float* x, int32_t target, float lse, int64_t width, float scale,
                             float* to) {
#pragma omp simd
  for (int64_t v = 0; v < width; ++v) to[v] = scale * Exp(x[v] - lse);
  to[target] -= scale;
}

PPRUN_VECTORISED
void Forward(const float* logits, const int32_t* targets, int64_t begin, int64_t end, int64_t width,
             float* lse, double* losses) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x = logits + row * width;
    const double log_sum = LogSumOf(x, width);
    lse[row] = static_cast<float>(log_sum);
    losses[row] = log_sum - static_cast<double>(x[targets[row]]);
  }
}

PPRUN_VECTORISED
void Backward(const float* logits, const int32_t* targets, const float* lse, int64_t begin,
              int64_t end, int64_t width, float scale, float* dlogits) {
  for (int64_t row = begin; row < end; ++row) {
    GradientOf(logits + row * width, targets[row], lse[row], width, scale, dlogits + row * width);
  }
}

// A row stays in the cache between its loss and its gradient.
PPRUN_VECTORISED
void Both(const float* logits, const int32_t* targets, int64_t begin, int64_t end, int64_t width,
          float scale, double* losses, float* dlogits) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x = logits + row * width;
    const double log_sum = LogSumOf(x, width);
    losses[row] = log_sum - static_cast<double>(x[targets[row]]);
    GradientOf(x, targets[row], static_cast<float>(log_sum), width, scale, dlogits + row * width);
  }
}

// In ascending order.
double SumOf(const double* losses, int64_t rows) {
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum += losses[row];
  return sum;
}

}  // namespace

void LaunchCrossEntropy(const CpuQueue& queue, const Tensor& logits, const Tensor& targets,
                        const Tensor& loss, const Tensor& lse, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t width = logits.shape.Elements() / rows;
  CHECK(logits.shape.Elements() == rows * width);
  CHECK(lse.shape.Elements() == rows);
  double* losses = ScratchDoubles(queue, rows);
  ForRanges(queue, rows, RowGrain(width * 8), [&](int64_t begin, int64_t end) {
    Forward(logits.f32(), targets.i32(), begin, end, width, lse.f32(), losses);
  });
  *loss.f64() = loss_scale * SumOf(losses, rows);
}

void LaunchCrossEntropyWithGrad(const CpuQueue& queue, const Tensor& logits, const Tensor& targets,
                                const Tensor& loss, const Tensor& dlogits, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t width = logits.shape.Elements() / rows;
  CHECK(logits.shape.Elements() == rows * width);
  CHECK(dlogits.shape.Elements() == rows * width);
  double* losses = ScratchDoubles(queue, rows);
  ForRanges(queue, rows, RowGrain(width * 8), [&](int64_t begin, int64_t end) {
    Both(logits.f32(), targets.i32(), begin, end, width, static_cast<float>(loss_scale), losses,
         dlogits.f32());
  });
  *loss.f64() = loss_scale * SumOf(losses, rows);
}

void LaunchCrossEntropyGrad(const CpuQueue& queue, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const Tensor& dlogits, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t width = logits.shape.Elements() / rows;
  CHECK(logits.shape.Elements() == rows * width);
  CHECK(dlogits.shape.Elements() == rows * width);
  CHECK(lse.shape.Elements() == rows);
  ForRanges(queue, rows, RowGrain(width * 8), [&](int64_t begin, int64_t end) {
    Backward(logits.f32(), targets.i32(), lse.f32(), begin, end, width,
             static_cast<float>(loss_scale), dlogits.f32());
  });
}

}  // namespace pprun::kernels
