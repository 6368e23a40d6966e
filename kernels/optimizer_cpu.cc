#include <algorithm>

#include "compiler/plan/base/check.h"
#include "kernels/convert.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/optimizer.h"
#include "kernels/optimizer.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// Eight running sums, element i in sum i mod 8, then added in order.
PPRUN_VECTORISED double SquareSumOf(const float* x, int64_t n) {
  constexpr int64_t kSums = 8;
  double sum[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
#pragma omp simd
    for (int64_t k = 0; k < kSums; ++k) {
      const double value = static_cast<double>(x[i + k]);
      sum[k] += value * value;
    }
  }
  for (; i < n; ++i) sum[i % kSums] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double total = 0;
  for (const double part : sum) total += part;
  return total;
}

PPRUN_VECTORISED
void SgdLoop(const SgdScalars& settings, const float* gradient, float* parameter, float* momentum,
             int64_t begin, int64_t end) {
  const SgdScalars scalars = settings;
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) SgdElement(scalars, gradient[i], parameter[i], momentum[i]);
}

PPRUN_VECTORISED
void PlainSgdLoop(const SgdScalars& settings, const float* gradient, float* parameter,
                  int64_t begin, int64_t end) {
  const SgdScalars scalars = settings;
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) PlainSgdElement(scalars, gradient[i], parameter[i]);
}

PPRUN_VECTORISED
void AdamLoop(const AdamScalars& settings, const float* gradient, float* parameter, float* first,
              float* second, int64_t begin, int64_t end) {
  const AdamScalars scalars = settings;
#pragma omp simd
  for (int64_t i = begin; i < end; ++i)
    AdamElement(scalars, gradient[i], parameter[i], first[i], second[i]);
}

// Calls update(begin, end) for pieces of the range, short enough to be in the cache still when they
// are rounded.
template <class Update>
void InPieces(int64_t begin, int64_t end, const Tensor& parameter, const Tensor& rounded,
              const Update& update) {
  constexpr int64_t kPiece = 2048;
  for (int64_t at = begin; at < end; at += kPiece) {
    const int64_t to = std::min(end, at + kPiece);
    update(at, to);
    if (rounded) RoundRange(parameter.f32(), rounded.bf16(), at, to);
  }
}

}  // namespace

void LaunchSquareSum(const CpuQueue& queue, const Tensor& gradient, const Tensor& partials) {
  const int64_t elements = gradient.shape.Elements();
  const int64_t blocks = NormBlocks(elements);
  CHECK(partials.dtype == DType::kF64);
  CHECK(partials.shape.Elements() == blocks);
  ForRanges(queue, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kNormBlock;
      partials.f64()[block] =
          SquareSumOf(gradient.f32() + first, std::min(kNormBlock, elements - first));
    }
  });
}

void LaunchClipFactor(const CpuQueue& /*queue*/, const Tensor& partials, const Tensor& order,
                      float max_norm, const Tensor& factor, const Tensor& norm) {
  const int64_t count = order ? order.shape.Elements() : partials.shape.Elements();
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = order ? order.i32()[i] : i;
    sum += partials.f64()[index];
  }
  const Clipping clipping = ClippingOf(sum, max_norm);
  *norm.f32() = clipping.norm;
  *factor.f32() = clipping.factor;
}

void LaunchSgdUpdate(const CpuQueue& queue, const Tensor& parameter, const Tensor& gradient,
                     const Tensor& momentum, const Tensor& rounded, const SgdSettings& settings,
                     const StepState& state) {
  const int64_t elements = parameter.shape.Elements();
  CHECK(gradient.shape.Elements() == elements);
  CHECK(!rounded || rounded.shape.Elements() == elements);
  CHECK(momentum ? momentum.shape.Elements() == elements : settings.momentum == 0.0F);
  const SgdScalars scalars = {state.learning_rate, settings.momentum, settings.weight_decay};
  ForRanges(queue, elements, kElementGrain, [&](int64_t begin, int64_t end) {
    InPieces(begin, end, parameter, rounded, [&](int64_t at, int64_t to) {
      if (momentum) {
        SgdLoop(scalars, gradient.f32(), parameter.f32(), momentum.f32(), at, to);
      } else {
        PlainSgdLoop(scalars, gradient.f32(), parameter.f32(), at, to);
      }
    });
  });
}

void LaunchAdamUpdate(const CpuQueue& queue, const Tensor& parameter, const Tensor& gradient,
                      const Tensor& first, const Tensor& second, const Tensor& rounded,
                      const AdamSettings& settings, const StepState& state) {
  const int64_t elements = parameter.shape.Elements();
  CHECK(gradient.shape.Elements() == elements);
  CHECK(first.shape.Elements() == elements);
  CHECK(second.shape.Elements() == elements);
  CHECK(!rounded || rounded.shape.Elements() == elements);
  const AdamScalars scalars = AdamScalarsOf(settings, state);
  ForRanges(queue, elements, kElementGrain / 4, [&](int64_t begin, int64_t end) {
    InPieces(begin, end, parameter, rounded, [&](int64_t at, int64_t to) {
      AdamLoop(scalars, gradient.f32(), parameter.f32(), first.f32(), second.f32(), at, to);
    });
  });
}

}  // namespace pprun::kernels
