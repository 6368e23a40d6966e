// Four elements share a call of the generator, which is most of the cost.
#include <algorithm>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/dropout.h"
#include "kernels/formulas/dropout.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

struct Sample {
  DropoutScalars scalars;
  int64_t step;
  int64_t sample;
};

PPRUN_VECTORISED
void DropLoop(const Sample& sample, const float* x, float* y, int64_t first_group,
              int64_t end_group) {
  // A few groups' words first, then their elements: two loops that vectorise.
  constexpr int64_t kGroups = 64;
  uint32_t words[4 * kGroups];
  const uint64_t key = sample.scalars.operation_key;
  const int64_t step = sample.step;
  const int64_t index = sample.sample;
  const uint32_t threshold = sample.scalars.threshold;
  const float scale = sample.scalars.scale;
  for (int64_t first = first_group; first < end_group; first += kGroups) {
    const int64_t groups = std::min(kGroups, end_group - first);
#pragma omp simd
    for (int64_t group = 0; group < groups; ++group) {
      const Philox bits = DropoutBits(key, step, index, first + group);
      words[4 * group] = bits.word[0];
      words[4 * group + 1] = bits.word[1];
      words[4 * group + 2] = bits.word[2];
      words[4 * group + 3] = bits.word[3];
    }
    const float* from = x + 4 * first;
    float* to = y + 4 * first;
#pragma omp simd
    for (int64_t i = 0; i < 4 * groups; ++i) {
      to[i] = DropoutElement(words[i], threshold, scale, from[i]);
    }
  }
}

void DropEnd(const Sample& sample, const float* x, float* y, int64_t begin, int64_t end) {
  if (begin == end) return;
  const Philox bits =
      DropoutBits(sample.scalars.operation_key, sample.step, sample.sample, begin / 4);
  for (int64_t i = begin; i < end; ++i) {
    y[i] =
        DropoutElement(bits.word[i - begin], sample.scalars.threshold, sample.scalars.scale, x[i]);
  }
}

}  // namespace

void LaunchDropout(const CpuQueue& queue, const Tensor& x, const Tensor& y, float probability,
                   const RandomKey& key) {
  CHECK(x.shape == y.shape);
  CHECK(probability >= 0.0F && probability < 1.0F);
  CHECK(key.state != nullptr);
  const int64_t samples = x.shape[0];
  const int64_t elements = x.shape.Elements() / samples;
  const int64_t groups = elements / 4;
  const Sample common = {
      .scalars = DropoutScalarsOf(probability, key), .step = key.state->step, .sample = 0};
  ForRanges(queue, samples * groups, kElementGrain / 16, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t row = begin / groups;
      const int64_t stop = std::min(end, (row + 1) * groups);
      Sample sample = common;
      sample.sample = key.first_sample + row;
      DropLoop(sample, x.f32() + row * elements, y.f32() + row * elements, begin - row * groups,
               stop - row * groups);
      begin = stop;
    }
  });
  for (int64_t row = 0; row < samples; ++row) {
    Sample sample = common;
    sample.sample = key.first_sample + row;
    DropEnd(sample, x.f32() + row * elements, y.f32() + row * elements, groups * 4, elements);
  }
}

}  // namespace pprun::kernels
