// Chooses between the implementations: the library where it takes the call, else our matrix
// instructions, else floats. Computes D = dy . y, which both of our own need.
#include <stdexcept>
#include <string>

#include "kernels/cuda_attention.h"

namespace pprun::kernels {
namespace {

constexpr int kDotThreads = 256;
constexpr int kDotWarps = kDotThreads / kWarp;

// A warp takes one head of one position. dots[sample, head, position].
template <class T>
__global__ void __launch_bounds__(kDotThreads)
    DotKernel(const AttentionSizes sizes, const T* y, const T* dy, float* dots) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t units = sizes.samples * sizes.positions * sizes.heads;
  const int64_t warps = static_cast<int64_t>(gridDim.x) * kDotWarps;
  for (int64_t unit = static_cast<int64_t>(blockIdx.x) * kDotWarps + threadIdx.x / kWarp;
       unit < units; unit += warps) {
    float sum = 0;
    for (int64_t i = lane; i < sizes.head_width; i += kWarp)
      sum += ToFloat(y[unit * sizes.head_width + i]) * ToFloat(dy[unit * sizes.head_width + i]);
    sum = WarpSum(sum);
    const int64_t row = unit / sizes.heads;
    const int64_t head = unit - row * sizes.heads;
    const int64_t sample = row / sizes.positions;
    const int64_t position = row - sample * sizes.positions;
    if (lane == 0) dots[(sample * sizes.heads + head) * sizes.positions + position] = sum;
  }
}

void CheckHeadWidth(const AttentionSizes& sizes) {
  if (sizes.head_width <= kMostHeadWidth) return;
  throw std::runtime_error("attention on CUDA takes heads of up to " +
                           std::to_string(kMostHeadWidth) + " elements, not " +
                           std::to_string(sizes.head_width));
}

bool TakesMatrices(const AttentionSizes& sizes, DType dtype) {
  return dtype == DType::kBF16 && sizes.head_width <= kMostMatrixHeadWidth;
}

// The library that attention of this type is offered to first, if any.
CudaFusedAttention* LibraryFor(const CudaQueue& queue, DType dtype) {
  return dtype == DType::kBF16 ? queue.fused_attention.get() : nullptr;
}

const float* LaunchDots(const CudaQueue& queue, const AttentionSizes& sizes, const Tensor& y,
                        const Tensor& dy) {
  const int64_t units = sizes.samples * sizes.positions * sizes.heads;
  float* const dots = ScratchOf<float>(queue, units);
  WithElement("attention_grad", {&y, &dy}, [&](auto element) {
    using T = decltype(element);
    const Geometry geometry = {
        .blocks = std::clamp<int64_t>(CeilDivide(units, kDotWarps), 1, kMostBlocks),
        .threads = kDotThreads};
    LaunchKernel(queue, "attention_grad", geometry, DotKernel<T>, sizes, DataOf<T>(y),
                 DataOf<T>(dy), dots);
  });
  return dots;
}

}  // namespace

void LaunchAttention(const CudaQueue& queue, const Tensor& qkv, const Tensor& y, const Tensor& lse,
                     const AttentionHeads& heads) {
  const AttentionForwardCall call = {SizesOf(qkv, y, lse, heads), qkv, y, lse};
  CheckHeadWidth(call.sizes);
  RequireType("attention", lse, DType::kF32);
  WithElement("attention", {&qkv, &y}, [](auto) {});
  CudaFusedAttention* const library = LibraryFor(queue, qkv.dtype);
  if (library != nullptr && library->Forward(queue, call.sizes, qkv, y, lse)) return;
  if (TakesMatrices(call.sizes, qkv.dtype)) {
    LaunchAttentionByMatrices(queue, call);
  } else {
    LaunchAttentionByFloats(queue, call);
  }
}

void LaunchAttentionGrad(const CudaQueue& queue, const Tensor& qkv, const Tensor& y,
                         const Tensor& lse, const Tensor& dy, const Tensor& dqkv,
                         const AttentionHeads& heads) {
  const AttentionSizes sizes = SizesOf(qkv, y, lse, heads);
  CHECK(dy.shape == y.shape);
  CHECK(dqkv.shape == qkv.shape);
  CheckHeadWidth(sizes);
  RequireType("attention_grad", lse, DType::kF32);
  WithElement("attention_grad", {&qkv, &y, &dy, &dqkv}, [](auto) {});
  CudaFusedAttention* const library = LibraryFor(queue, qkv.dtype);
  if (library != nullptr && library->Backward(queue, sizes, qkv, y, lse, dy, dqkv)) return;
  const AttentionGradCall call = {sizes, qkv, lse, dy, dqkv, LaunchDots(queue, sizes, y, dy)};
  if (TakesMatrices(sizes, qkv.dtype)) {
    LaunchAttentionGradByMatrices(queue, call);
  } else {
    LaunchAttentionGradByFloats(queue, call);
  }
}

}  // namespace pprun::kernels
