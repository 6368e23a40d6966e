// Every element is read and written once; about ten to thirty operations an element, below what
// memory allows for f32 and close to it for bf16.
#include "kernels/activation.h"
#include "kernels/cuda_elementwise.h"
#include "kernels/formulas/activation.h"

namespace pprun::kernels {
namespace {

template <class T, class Formula>
struct Forward {
  static constexpr int kWidth = 2 * kVector<T>;
  const T* x;
  T* y;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float value[kCount];
    Load(x + first, value);
#pragma unroll
    for (int i = 0; i < kCount; ++i) value[i] = Formula::Of(value[i]);
    Store(y + first, value);
  }
};

template <class T, class Formula>
struct Backward {
  static constexpr int kWidth = 2 * kVector<T>;
  const T* x;
  const T* dy;
  T* dx;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float value[kCount];
    float gradient[kCount];
    Load(x + first, value);
    Load(dy + first, gradient);
#pragma unroll
    for (int i = 0; i < kCount; ++i) value[i] = Formula::GradOf(value[i], gradient[i]);
    Store(dx + first, value);
  }
};

struct GeluFormula {
  static __device__ float Of(float x) { return Gelu(x); }
  static __device__ float GradOf(float x, float dy) { return GeluGrad(x, dy); }
};
struct GeluTanhFormula {
  static __device__ float Of(float x) { return GeluTanh(x); }
  static __device__ float GradOf(float x, float dy) { return GeluTanhGrad(x, dy); }
};
struct SiluFormula {
  static __device__ float Of(float x) { return Silu(x); }
  static __device__ float GradOf(float x, float dy) { return SiluGrad(x, dy); }
};
struct ReluFormula {
  static __device__ float Of(float x) { return Relu(x); }
  static __device__ float GradOf(float x, float dy) { return ReluGrad(x, dy); }
};

template <class Formula>
void LaunchForward(const CudaQueue& queue, const char* what, const Tensor& x, const Tensor& y) {
  CHECK(x.shape == y.shape);
  WithElement(what, {&x, &y}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(queue, what, x.shape.Elements(), AlignmentOfAll({x.data, y.data}),
                      Forward<T, Formula>{DataOf<T>(x), DataOf<T>(y)});
  });
}

template <class Formula>
void LaunchBackward(const CudaQueue& queue, const char* what, const Tensor& x, const Tensor& dy,
                    const Tensor& dx) {
  CHECK(x.shape == dy.shape);
  CHECK(x.shape == dx.shape);
  WithElement(what, {&x, &dy, &dx}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(queue, what, x.shape.Elements(), AlignmentOfAll({x.data, dy.data, dx.data}),
                      Backward<T, Formula>{DataOf<T>(x), DataOf<T>(dy), DataOf<T>(dx)});
  });
}

}  // namespace

void LaunchGelu(const CudaQueue& queue, const Tensor& x, const Tensor& y) {
  LaunchForward<GeluFormula>(queue, "gelu", x, y);
}

void LaunchGeluGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  LaunchBackward<GeluFormula>(queue, "gelu_grad", x, dy, dx);
}

void LaunchGeluTanh(const CudaQueue& queue, const Tensor& x, const Tensor& y) {
  LaunchForward<GeluTanhFormula>(queue, "gelu_tanh", x, y);
}

void LaunchGeluTanhGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                        const Tensor& dx) {
  LaunchBackward<GeluTanhFormula>(queue, "gelu_tanh_grad", x, dy, dx);
}

void LaunchSilu(const CudaQueue& queue, const Tensor& x, const Tensor& y) {
  LaunchForward<SiluFormula>(queue, "silu", x, y);
}

void LaunchSiluGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  LaunchBackward<SiluFormula>(queue, "silu_grad", x, dy, dx);
}

void LaunchRelu(const CudaQueue& queue, const Tensor& x, const Tensor& y) {
  LaunchForward<ReluFormula>(queue, "relu", x, y);
}

void LaunchReluGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  LaunchBackward<ReluFormula>(queue, "relu_grad", x, dy, dx);
}

}  // namespace pprun::kernels
