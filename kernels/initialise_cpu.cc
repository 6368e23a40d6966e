#include <algorithm>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/initialise.h"
#include "kernels/initialise.h"
#include "kernels/parallel.h"

namespace pprun::kernels {
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
