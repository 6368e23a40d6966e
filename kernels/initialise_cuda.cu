#include "kernels/cuda_elementwise.h"
#include "kernels/formulas/initialise.h"
#include "kernels/initialise.h"

namespace pprun::kernels {
namespace {

struct Constant {
  static constexpr int kWidth = 4;
  float* to;
  float value;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float values[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = value;
    Store(to + first, values);
  }
};

struct Normals {
  static constexpr int kWidth = 1;
  float* to;
  float deviation;
  uint64_t key;
  int64_t first_element;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    to[first] = deviation * NormalElement(key, first_element + first);
  }
};

}  // namespace

void LaunchInitialise(const CudaQueue& queue, const Tensor& target,
                      const Distribution& distribution, const InitialiseKey& key) {
  RequireType("initialise", target, DType::kF32);
  const int64_t elements = target.shape.Elements();
  const Alignment alignment = AlignmentOfAll({target.data});
  switch (distribution.kind) {
    case Distribution::Kind::kZeros:
      return LaunchElementwise(queue, "initialise", elements, alignment,
                               Constant{target.f32(), 0.0F});
    case Distribution::Kind::kOnes:
      return LaunchElementwise(queue, "initialise", elements, alignment,
                               Constant{target.f32(), 1.0F});
    case Distribution::Kind::kNormal:
      return LaunchElementwise(queue, "initialise", elements, alignment,
                               Normals{target.f32(), distribution.stddev,
                                       MixKeys(key.seed, key.name), key.first_element});
  }
  CHECK(false);
}

}  // namespace pprun::kernels
