// Four elements share a call of the generator, which is most of the cost.
#include <algorithm>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/dropout.h"
#include "kernels/parallel.h"
#include "kernels/random.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

struct Sample {
  uint64_t operation_key;
  int64_t step;
  int64_t sample;
  uint32_t threshold;  // a word below it drops its element
  float scale;
};

PPRUN_VECTORISED
void DropLoop(const Sample& sample, const float* x, float* y, int64_t first_group,
              int64_t end_group) {
  // A few groups' words first, then their elements: two loops that vectorise.
  constexpr int64_t kGroups = 64;
  uint32_t words[4 * kGroups];
  const uint64_t key = sample.operation_key;
  const int64_t step = sample.step;
  const int64_t index = sample.sample;
  const uint32_t threshold = sample.threshold;
  const float scale = sample.scale;
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
      const float kept = from[i] * scale;
      to[i] = words[i] < threshold ? 0.0F : kept;
    }
  }
}

void DropEnd(const Sample& sample, const float* x, float* y, int64_t begin, int64_t end) {
  if (begin == end) return;
  const Philox bits = DropoutBits(sample.operation_key, sample.step, sample.sample, begin / 4);
  for (int64_t i = begin; i < end; ++i) {
    y[i] = bits.word[i - begin] < sample.threshold ? 0.0F : x[i] * sample.scale;
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
      .operation_key = MixKeys(MixKeys(key.seed, key.layer), key.operation),
      .step = key.state->step,
      .sample = 0,
      .threshold = static_cast<uint32_t>(static_cast<double>(probability) * 0x1p32),
      .scale = static_cast<float>(1.0 / (1.0 - static_cast<double>(probability)))};
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
