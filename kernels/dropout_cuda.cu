// A thread takes eight elements of one sample: two calls of the generator, which cost about as much
// as the memory they go with.
#include "kernels/cuda_elementwise.h"
#include "kernels/dropout.h"
#include "kernels/formulas/dropout.h"

namespace pprun::kernels {
namespace {

constexpr int kGroup = 4;  // elements of one call of the generator
constexpr int kGroups = 2;
constexpr int kElements = kGroup * kGroups;

struct Samples {
  int64_t elements;  // of one
  int64_t chunks;    // of one, the last may be shorter
  int64_t count;
  int64_t first_sample;
  const StepState* state;
};

template <class T, Alignment kAlignment>
__global__ void __launch_bounds__(kElementThreads)
    DropoutKernel(const Samples samples, const DropoutScalars scalars, const T* x, T* y) {
  const int64_t threads = static_cast<int64_t>(gridDim.x) * kElementThreads;
  const int64_t step = samples.state->step;
  for (int64_t unit = static_cast<int64_t>(blockIdx.x) * kElementThreads + threadIdx.x;
       unit < samples.chunks * samples.count; unit += threads) {
    const int64_t row = unit / samples.chunks;
    const int64_t first = (unit - row * samples.chunks) * kElements;
    const T* const from = x + row * samples.elements + first;
    T* const to = y + row * samples.elements + first;
    const int64_t left = samples.elements - first;
    float value[kElements];
    if constexpr (kAlignment == Alignment::kSixteenBytes) {
      Load(from, value);
    } else {
#pragma unroll
      for (int i = 0; i < kElements; ++i) value[i] = i < left ? ToFloat(from[i]) : 0.0F;
    }
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const Philox bits = DropoutBits(scalars.operation_key, step, samples.first_sample + row,
                                      first / kGroup + group);
#pragma unroll
      for (int i = 0; i < kGroup; ++i) {
        value[group * kGroup + i] = DropoutElement(bits.word[i], scalars.threshold, scalars.scale,
                                                   value[group * kGroup + i]);
      }
    }
    if constexpr (kAlignment == Alignment::kSixteenBytes) {
      Store(to, value);
    } else {
#pragma unroll
      for (int i = 0; i < kElements; ++i) {
        if (i < left) to[i] = FromFloat<T>(value[i]);
      }
    }
  }
}

}  // namespace

void LaunchDropout(const CudaQueue& queue, const Tensor& x, const Tensor& y, float probability,
                   const RandomKey& key) {
  CHECK(x.shape == y.shape);
  CHECK(probability >= 0.0F && probability < 1.0F);
  CHECK(key.state != nullptr);
  const int64_t count = x.shape[0];
  const int64_t elements = x.shape.Elements() / count;
  const Samples samples = {.elements = elements,
                           .chunks = CeilDivide(elements, kElements),
                           .count = count,
                           .first_sample = key.first_sample,
                           .state = key.state};
  const DropoutScalars scalars = DropoutScalarsOf(probability, key);
  const Geometry geometry = ElementGeometry(samples.chunks * count, 1);
  // Every sample starts on 16 bytes, and none ends within a chunk.
  const bool is_aligned = elements % kElements == 0 && AreAligned({x.data, y.data});
  WithElement("dropout", {&x, &y}, [&](auto element) {
    using T = decltype(element);
    LaunchKernel(queue, "dropout", geometry,
                 is_aligned ? DropoutKernel<T, Alignment::kSixteenBytes>
                            : DropoutKernel<T, Alignment::kElement>,
                 samples, scalars, DataOf<T>(x), DataOf<T>(y));
  });
}

}  // namespace pprun::kernels
