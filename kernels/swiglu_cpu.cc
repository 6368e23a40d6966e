#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/activation.h"
#include "kernels/parallel.h"
#include "kernels/swiglu.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// About ten operations an element.
constexpr int64_t kGrain = kElementGrain / 8;

PPRUN_VECTORISED void SwigluLoop(const float* gate, const float* up, float* y, int64_t begin,
                                 int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) y[i] = Silu(gate[i]) * up[i];
}

PPRUN_VECTORISED void SwigluGradLoop(const float* gate, const float* up, const float* dy,
                                     float* dgate, float* dup, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float g = gate[i];
    const float u = up[i];
    const float d = dy[i];
    dgate[i] = SiluGrad(g, d * u);
    dup[i] = d * Silu(g);
  }
}

}  // namespace

void LaunchSwiglu(const CpuQueue& queue, const Tensor& gate, const Tensor& up, const Tensor& y) {
  CHECK(gate.shape == up.shape);
  CHECK(gate.shape == y.shape);
  ForRanges(queue, y.shape.Elements(), kGrain, [&](int64_t begin, int64_t end) {
    SwigluLoop(gate.f32(), up.f32(), y.f32(), begin, end);
  });
}

void LaunchSwigluGrad(const CpuQueue& queue, const Tensor& gate, const Tensor& up, const Tensor& dy,
                      const Tensor& dgate, const Tensor& dup) {
  CHECK(gate.shape == up.shape);
  CHECK(gate.shape == dy.shape);
  CHECK(gate.shape == dgate.shape);
  CHECK(gate.shape == dup.shape);
  ForRanges(queue, dy.shape.Elements(), kGrain, [&](int64_t begin, int64_t end) {
    SwigluGradLoop(gate.f32(), up.f32(), dy.f32(), dgate.f32(), dup.f32(), begin, end);
  });
}

}  // namespace pprun::kernels
