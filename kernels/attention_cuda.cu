// Chooses between the implementations: the library where it takes the call, else our matrix
// instructions, else floats. Computes D = dy . y, which both of our own need.
#include <stdexcept>
#include <string>

#include "kernels/cuda_attention.h"

namespace pprun::kernels {
namespace {

constexpr int kDotThreads = 256;
constexpr int kDotLanes = 8;  // for a position
constexpr int kDotPositions = kDotThreads / kDotLanes;

// A warp takes some positions of one head, eight lanes one of them. dots[sample, head, position].
template <int kWidth, class T>
__global__ void __launch_bounds__(kDotThreads)
    DotKernel(const AttentionSizes sizes, int64_t tiles, const T* y, const T* dy, float* dots) {
  const int lane = static_cast<int>(threadIdx.x) % kDotLanes;
  const int64_t units = sizes.samples * sizes.heads * tiles;
  for (int64_t unit = blockIdx.x; unit < units; unit += gridDim.x) {
    // Heads of the same positions one after the other: their elements lie side by side.
    const int64_t sample_tile = unit / sizes.heads;
    const int64_t head = unit - sample_tile * sizes.heads;
    const int64_t sample = sample_tile / tiles;
    const int64_t position =
        (sample_tile - sample * tiles) * kDotPositions + static_cast<int>(threadIdx.x) / kDotLanes;
    float sum = 0;
    if (position < sizes.positions) {
      const int64_t from =
          ((sample * sizes.positions + position) * sizes.heads + head) * sizes.head_width;
      for (int64_t i = lane * kWidth; i < sizes.head_width; i += kDotLanes * kWidth) {
        float left[kWidth];
        float right[kWidth];
        Load(y + from + i, left);
        Load(dy + from + i, right);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sum += left[k] * right[k];
      }
    }
#pragma unroll
    for (int distance = kDotLanes / 2; distance > 0; distance /= 2)
      sum += __shfl_xor_sync(kAllLanes, sum, distance);
    if (lane == 0 && position < sizes.positions)
      dots[(sample * sizes.heads + head) * sizes.positions + position] = sum;
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
    const int64_t tiles = CeilDivide(sizes.positions, kDotPositions);
    const Geometry geometry = {
        .blocks = std::clamp<int64_t>(sizes.samples * sizes.heads * tiles, 1, kMostBlocks),
        .threads = kDotThreads};
    const bool is_aligned = HeadAlignment<T>(sizes, {y.data, dy.data}) == Alignment::kSixteenBytes;
    LaunchKernel(queue, "attention_grad", geometry,
                 is_aligned ? DotKernel<kVector<T>, T> : DotKernel<1, T>, sizes, tiles,
                 DataOf<T>(y), DataOf<T>(dy), dots);
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
