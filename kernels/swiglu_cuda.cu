#include "kernels/cuda_elementwise.h"
#include "kernels/formulas/activation.h"
#include "kernels/swiglu.h"

namespace pprun::kernels {
namespace {

template <class T>
struct Forward {
  static constexpr int kWidth = 2 * kVector<T>;
  const T* gate;
  const T* up;
  T* y;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float g[kCount];
    float u[kCount];
    Load(gate + first, g);
    Load(up + first, u);
#pragma unroll
    for (int i = 0; i < kCount; ++i) g[i] = Silu(g[i]) * u[i];
    Store(y + first, g);
  }
};

// Three operands are in flight, so a thread takes half as many of each.
template <class T>
struct Backward {
  static constexpr int kWidth = kVector<T>;
  const T* gate;
  const T* up;
  const T* dy;
  T* dgate;
  T* dup;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float g[kCount];
    float u[kCount];
    float d[kCount];
    Load(gate + first, g);
    Load(up + first, u);
    Load(dy + first, d);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      u[i] = SiluGrad(g[i], d[i] * u[i]);
      d[i] *= Silu(g[i]);
    }
    Store(dgate + first, u);
    Store(dup + first, d);
  }
};

}  // namespace

void LaunchSwiglu(const CudaQueue& queue, const Tensor& gate, const Tensor& up, const Tensor& y) {
  CHECK(gate.shape == up.shape);
  CHECK(gate.shape == y.shape);
  WithElement("swiglu", {&gate, &up, &y}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(queue, "swiglu", y.shape.Elements(),
                      AlignmentOfAll({gate.data, up.data, y.data}),
                      Forward<T>{DataOf<T>(gate), DataOf<T>(up), DataOf<T>(y)});
  });
}

void LaunchSwigluGrad(const CudaQueue& queue, const Tensor& gate, const Tensor& up,
                      const Tensor& dy, const Tensor& dgate, const Tensor& dup) {
  CHECK(gate.shape == up.shape);
  CHECK(gate.shape == dy.shape);
  CHECK(gate.shape == dgate.shape);
  CHECK(gate.shape == dup.shape);
  WithElement("swiglu_grad", {&gate, &up, &dy, &dgate, &dup}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(queue, "swiglu_grad", dy.shape.Elements(),
                      AlignmentOfAll({gate.data, up.data, dy.data, dgate.data, dup.data}),
                      Backward<T>{DataOf<T>(gate), DataOf<T>(up), DataOf<T>(dy), DataOf<T>(dgate),
                                  DataOf<T>(dup)});
  });
}

}  // namespace pprun::kernels
