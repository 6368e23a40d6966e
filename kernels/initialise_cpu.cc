#include <algorithm>
#include <cmath>
#include <numbers>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/initialise.h"
#include "kernels/parallel.h"
#include "kernels/random.h"

namespace pprun::kernels {
namespace {

// One call of the generator gives elements 2 * pair and 2 * pair + 1, and uses two of its four
// words. The third word of the counter tells initialisation from other uses of a key.
float NormalElement(uint64_t key, int64_t element) {
  constexpr uint32_t kInitialise = 0x696E6974U;
  const uint64_t pair = static_cast<uint64_t>(element) / 2;
  const Philox bits = Philox4x32(
      {{static_cast<uint32_t>(pair), static_cast<uint32_t>(pair >> 32), kInitialise, 0}}, key);
  const double radius = std::sqrt(-2.0 * std::log(UniformAboveZero(bits.word[0])));
  const double angle = 2.0 * std::numbers::pi * UniformAboveZero(bits.word[1]);
  return static_cast<float>(radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle)));
}

}  // namespace

void LaunchInitialise(const CpuQueue& queue, const Tensor& target, const Distribution& distribution,
                      const InitialiseKey& key) {
  CHECK(target.dtype == DType::kF32);
  float* to = target.f32();
  const int64_t elements = target.shape.Elements();
  switch (distribution.kind) {
    case Distribution::Kind::kZeros:
      std::fill_n(to, elements, 0.0F);
      return;
    case Distribution::Kind::kOnes:
      std::fill_n(to, elements, 1.0F);
      return;
    case Distribution::Kind::kNormal:
      break;
  }
  const uint64_t mixed = MixKeys(key.seed, key.name);
  ForRanges(queue, elements, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      to[i] = distribution.stddev * NormalElement(mixed, key.first_element + i);
    }
  });
}

}  // namespace pprun::kernels
