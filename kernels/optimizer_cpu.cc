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

// Updates each parameter by pieces short enough to be in the cache still when they are rounded:
// update(tensors, scalars, begin, end).
template <class Settings, class Update>
void UpdateEach(const CpuQueue& queue, std::span<const UpdateTensors> parameters,
                const Tensor& factor, const Settings& settings, const StepState& state, int moments,
                const Update& update) {
  constexpr int64_t kPiece = 2048;
  for (const UpdateTensors& tensors : parameters) {
    CheckUpdate(tensors, moments);
    Settings own = settings;
    if (tensors.decay == UpdateTensors::Decay::kNo) own.weight_decay = 0;
    const auto scalars = ScalarsOf(own, state, factor ? *factor.f32() : 1.0F);
    const int64_t elements = tensors.parameter.shape.Elements();
    ForRanges(queue, elements, kElementGrain / 4, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; at += kPiece) {
        const int64_t to = std::min(end, at + kPiece);
        update(tensors, scalars, at, to);
        if (!tensors.rounded) continue;
        RoundRange(tensors.parameter.f32(), tensors.rounded.bf16(), at, to);
      }
    });
  }
}

}  // namespace

void LaunchSquareSums(const CpuQueue& queue, std::span<const SquareSumTensors> gradients) {
  for (const auto& [gradient, partials] : gradients) {
    const int64_t elements = gradient.shape.Elements();
    const int64_t blocks = NormBlocks(elements);
    CHECK(partials.dtype == DType::kF64);
    CHECK(partials.shape.Elements() == blocks);
    const float* const values = gradient.f32();
    double* const sums = partials.f64();
    ForRanges(queue, blocks, 1, [=](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block * kNormBlock;
        sums[block] = SquareSumOf(values + first, std::min(kNormBlock, elements - first));
      }
    });
  }
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

void LaunchSgdUpdates(const CpuQueue& queue, std::span<const UpdateTensors> parameters,
                      const Tensor& factor, const SgdSettings& settings, const StepState& state) {
  UpdateEach(queue, parameters, factor, settings, state, settings.momentum == 0.0F ? 0 : 1,
             [](const UpdateTensors& tensors, const SgdScalars& scalars, int64_t at, int64_t to) {
               const float* const gradient = tensors.gradient.f32();
               if (tensors.first) {
                 SgdLoop(scalars, gradient, tensors.parameter.f32(), tensors.first.f32(), at, to);
               } else {
                 PlainSgdLoop(scalars, gradient, tensors.parameter.f32(), at, to);
               }
             });
}

void LaunchAdamUpdates(const CpuQueue& queue, std::span<const UpdateTensors> parameters,
                       const Tensor& factor, const AdamSettings& settings, const StepState& state) {
  UpdateEach(queue, parameters, factor, settings, state, 2,
             [](const UpdateTensors& tensors, const AdamScalars& scalars, int64_t at, int64_t to) {
               AdamLoop(scalars, tensors.gradient.f32(), tensors.parameter.f32(),
                        tensors.first.f32(), tensors.second.f32(), at, to);
             });
}

}  // namespace pprun::kernels
