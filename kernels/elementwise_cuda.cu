#include "kernels/cuda_elementwise.h"
#include "kernels/elementwise.h"

namespace pprun::kernels {
namespace {

struct AddFloats {
  static constexpr int kWidth = 8;
  float* target;
  const float* source;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float value[kCount];
    float more[kCount];
    Load(target + first, value);
    Load(source + first, more);
#pragma unroll
    for (int i = 0; i < kCount; ++i) value[i] += more[i];
    Store(target + first, value);
  }
};

// Losses: a few numbers.
struct AddDoubles {
  static constexpr int kWidth = 1;
  double* target;
  const double* source;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    target[first] += source[first];
  }
};

template <class From, class To>
struct Cast {
  static constexpr int kWidth = 8;
  const From* source;
  To* target;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float value[kCount];
    Load(source + first, value);
    Store(target + first, value);
  }
};

}  // namespace

void LaunchZero(const CudaQueue& queue, const Tensor& target) {
  const int64_t bytes = target.shape.Elements() * SizeOf(target.dtype);
  CheckCuda(cudaMemsetAsync(target.data, 0, static_cast<size_t>(bytes), queue.stream), "zero");
}

void LaunchAddInto(const CudaQueue& queue, const Tensor& target, const Tensor& source) {
  CHECK(target.dtype == source.dtype);
  CHECK(target.shape.Elements() == source.shape.Elements());
  const Alignment alignment = AlignmentOfAll({target.data, source.data});
  if (target.dtype == DType::kF64) {
    return LaunchElementwise(queue, "add_into", target.shape.Elements(), alignment,
                             AddDoubles{target.f64(), source.f64()});
  }
  RequireType("add_into", target, DType::kF32);
  LaunchElementwise(queue, "add_into", target.shape.Elements(), alignment,
                    AddFloats{target.f32(), source.f32()});
}

void LaunchCast(const CudaQueue& queue, const Tensor& source, const Tensor& target) {
  CHECK(target.shape.Elements() == source.shape.Elements());
  const int64_t elements = source.shape.Elements();
  if (source.dtype == target.dtype) {
    if (source.data == target.data) return;
    const int64_t bytes = elements * SizeOf(source.dtype);
    CheckCuda(cudaMemcpyAsync(target.data, source.data, static_cast<size_t>(bytes),
                              cudaMemcpyDeviceToDevice, queue.stream),
              "cast");
    return;
  }
  const Alignment alignment = AlignmentOfAll({source.data, target.data});
  if (source.dtype == DType::kF32) {
    RequireType("cast", target, DType::kBF16);
    return LaunchElementwise(queue, "cast", elements, alignment,
                             Cast<float, Bfloat16>{source.f32(), DataOf<Bfloat16>(target)});
  }
  RequireType("cast", source, DType::kBF16);
  RequireType("cast", target, DType::kF32);
  LaunchElementwise(queue, "cast", elements, alignment,
                    Cast<Bfloat16, float>{DataOf<Bfloat16>(source), target.f32()});
}

}  // namespace pprun::kernels
