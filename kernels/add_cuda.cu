#include "kernels/add.h"
#include "kernels/cuda_elementwise.h"

namespace pprun::kernels {
namespace {

template <class T>
struct Sum {
  static constexpr int kWidth = 2 * kVector<T>;
  const T* a;
  const T* b;
  T* y;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float left[kCount];
    float right[kCount];
    Load(a + first, left);
    Load(b + first, right);
#pragma unroll
    for (int i = 0; i < kCount; ++i) left[i] += right[i];
    Store(y + first, left);
  }
};

}  // namespace

void LaunchAdd(const CudaQueue& queue, const Tensor& a, const Tensor& b, const Tensor& y) {
  CHECK(a.shape == b.shape);
  CHECK(a.shape == y.shape);
  WithElement("add", {&a, &b, &y}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(queue, "add", y.shape.Elements(), AlignmentOfAll({a.data, b.data, y.data}),
                      Sum<T>{DataOf<T>(a), DataOf<T>(b), DataOf<T>(y)});
  });
}

}  // namespace pprun::kernels
