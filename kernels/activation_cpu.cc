// One loop an activation, since a loop is what gets vectorised; every element is read and written
// once.
#include "compiler/plan/base/check.h"
#include "kernels/activation.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/activation.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// An activation costs about ten operations an element.
constexpr int64_t kGrain = kElementGrain / 8;

PPRUN_VECTORISED void GeluLoop(const float* x, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = Gelu(x[i]);
}

PPRUN_VECTORISED void GeluGradLoop(const float* x, const float* dy, float* dx, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = GeluGrad(x[i], dy[i]);
}

PPRUN_VECTORISED void GeluTanhLoop(const float* x, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = GeluTanh(x[i]);
}

PPRUN_VECTORISED void GeluTanhGradLoop(const float* x, const float* dy, float* dx, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = GeluTanhGrad(x[i], dy[i]);
}

PPRUN_VECTORISED void SiluLoop(const float* x, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = Silu(x[i]);
}

PPRUN_VECTORISED void SiluGradLoop(const float* x, const float* dy, float* dx, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = SiluGrad(x[i], dy[i]);
}

PPRUN_VECTORISED void ReluLoop(const float* x, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = Relu(x[i]);
}

PPRUN_VECTORISED void ReluGradLoop(const float* x, const float* dy, float* dx, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) dx[i] = ReluGrad(x[i], dy[i]);
}

using Loop = void (*)(const float*, float*, int64_t);
using GradLoop = void (*)(const float*, const float*, float*, int64_t);

void Launch(const CpuQueue& queue, Loop loop, const Tensor& x, const Tensor& y) {
  CHECK(x.shape == y.shape);
  const float* from = x.f32();
  float* to = y.f32();
  ForRanges(queue, x.shape.Elements(), kGrain,
            [&](int64_t begin, int64_t end) { loop(from + begin, to + begin, end - begin); });
}

void Launch(const CpuQueue& queue, GradLoop loop, const Tensor& x, const Tensor& dy,
            const Tensor& dx) {
  CHECK(x.shape == dy.shape);
  CHECK(x.shape == dx.shape);
  const float* input = x.f32();
  const float* gradient = dy.f32();
  float* to = dx.f32();
  ForRanges(queue, x.shape.Elements(), kGrain, [&](int64_t begin, int64_t end) {
    loop(input + begin, gradient + begin, to + begin, end - begin);
  });
}

}  // namespace

void LaunchGelu(const CpuQueue& queue, const Tensor& x, const Tensor& y) {
  Launch(queue, GeluLoop, x, y);
}

void LaunchGeluGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  Launch(queue, GeluGradLoop, x, dy, dx);
}

void LaunchGeluTanh(const CpuQueue& queue, const Tensor& x, const Tensor& y) {
  Launch(queue, GeluTanhLoop, x, y);
}

void LaunchGeluTanhGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                        const Tensor& dx) {
  Launch(queue, GeluTanhGradLoop, x, dy, dx);
}

void LaunchSilu(const CpuQueue& queue, const Tensor& x, const Tensor& y) {
  Launch(queue, SiluLoop, x, y);
}

void LaunchSiluGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  Launch(queue, SiluGradLoop, x, dy, dx);
}

void LaunchRelu(const CpuQueue& queue, const Tensor& x, const Tensor& y) {
  Launch(queue, ReluLoop, x, y);
}

void LaunchReluGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  Launch(queue, ReluGradLoop, x, dy, dx);
}

}  // namespace pprun::kernels
