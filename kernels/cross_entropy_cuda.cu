// The forward reads the logits once: each thread keeps a running maximum and the sum of
// exponentials relative to it (Milakov and Gimelshein 2018), which are joined at the row's end. The
// gradient reads and writes them once. Both together read a row from memory once and again from the
// cache, which holds the rows of all blocks at work: the logarithm has to be known before the first
// element of the gradient is.
#include <cmath>

#include "kernels/cross_entropy.h"
#include "kernels/cuda_loss.h"
#include "kernels/formulas/exponential.h"

namespace pprun::kernels {
namespace {

// The log of the sum of a row's exponentials, in every thread of the block.
template <class T>
__device__ double LogSumOf(const T* row, int64_t columns, float* parts) {
  float largest = -INFINITY;
  float sum = 0;
  ForRowPieces(row, columns, [&](int64_t, const auto& value) {
    constexpr int kCount = sizeof(value) / sizeof(float);
    float next = largest;
#pragma unroll
    for (int i = 0; i < kCount; ++i) next = fmaxf(next, value[i]);
    // Where everything so far is minus infinity, any finite shift gives a sum of zero.
    const float shift = next == -INFINITY ? 0.0F : next;
    sum *= Exp(largest - shift);
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum += Exp(value[i] - shift);
    largest = next;
  });
  const float all = BlockMaximum(largest, parts);
  const float total = BlockSum(sum == 0.0F ? 0.0F : sum * Exp(largest - all), parts);
  return static_cast<double>(all) + log(static_cast<double>(total));
}

// `to` may be `from`: an element is read and written by one thread.
template <class T>
__device__ void WriteGradient(const T* from, int64_t columns, int64_t target, float lse,
                              float scale, T* to) {
  ForRowPieces(from, columns, [&](int64_t at, const auto& value) {
    constexpr int kCount = sizeof(value) / sizeof(float);
    float gradient[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float p = scale * Exp(value[i] - lse);
      gradient[i] = at + i == target ? p - scale : p;
    }
    StorePiece(to + at, gradient);
  });
}

template <class T>
__global__ void __launch_bounds__(kLossThreads)
    ForwardKernel(int64_t rows, int64_t columns, const T* logits, const int32_t* targets,
                  float* lse, double* losses) {
  __shared__ float parts[kLossWarps];
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* const from = logits + row * columns;
    const double log_sum = LogSumOf(from, columns, parts);
    if (threadIdx.x == 0) {
      lse[row] = static_cast<float>(log_sum);
      losses[row] = log_sum - static_cast<double>(ToFloat(from[targets[row]]));
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kLossThreads)
    BackwardKernel(int64_t rows, int64_t columns, const T* logits, const int32_t* targets,
                   const float* lse, float scale, T* dlogits) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    WriteGradient(logits + row * columns, columns, targets[row], lse[row], scale,
                  dlogits + row * columns);
  }
}

template <class T>
__global__ void __launch_bounds__(kLossThreads)
    BothKernel(int64_t rows, int64_t columns, const T* logits, const int32_t* targets, float scale,
               double* losses, T* dlogits) {
  __shared__ float parts[kLossWarps];
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* const from = logits + row * columns;
    const int64_t target = targets[row];
    const double log_sum = LogSumOf(from, columns, parts);
    if (threadIdx.x == 0) losses[row] = log_sum - static_cast<double>(ToFloat(from[target]));
    // The target's logit is read before its gradient may take its place.
    __syncthreads();
    WriteGradient(from, columns, target, static_cast<float>(log_sum), scale,
                  dlogits + row * columns);
  }
}

}  // namespace

void LaunchCrossEntropy(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                        const Tensor& loss, const Tensor& lse, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t columns = logits.shape.Elements() / rows;
  CHECK(logits.shape.Elements() == rows * columns);
  CHECK(lse.shape.Elements() == rows);
  RequireType("cross_entropy", targets, DType::kI32);
  RequireType("cross_entropy", lse, DType::kF32);
  RequireType("cross_entropy", loss, DType::kF64);
  double* const losses = ScratchOf<double>(queue, rows);
  WithElement("cross_entropy", {&logits}, [&](auto element) {
    using T = decltype(element);
    LaunchKernel(queue, "cross_entropy", RowGeometry(rows, columns, kVector<T>, kLossThreads),
                 ForwardKernel<T>, rows, columns, DataOf<T>(logits), targets.i32(), lse.f32(),
                 losses);
  });
  LaunchKernel(queue, "cross_entropy", {.blocks = 1, .threads = kLossThreads}, SumLossKernel, rows,
               losses, loss_scale, loss.f64());
}

void LaunchCrossEntropyGrad(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const Tensor& dlogits, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t columns = logits.shape.Elements() / rows;
  CHECK(logits.shape.Elements() == rows * columns);
  CHECK(dlogits.shape.Elements() == rows * columns);
  CHECK(lse.shape.Elements() == rows);
  RequireType("cross_entropy_grad", targets, DType::kI32);
  RequireType("cross_entropy_grad", lse, DType::kF32);
  WithElement("cross_entropy_grad", {&logits, &dlogits}, [&](auto element) {
    using T = decltype(element);
    LaunchKernel(queue, "cross_entropy_grad", RowGeometry(rows, columns, kVector<T>, kLossThreads),
                 BackwardKernel<T>, rows, columns, DataOf<T>(logits), targets.i32(), lse.f32(),
                 static_cast<float>(loss_scale), DataOf<T>(dlogits));
  });
}

void LaunchCrossEntropyWithGrad(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                                const Tensor& loss, const Tensor& dlogits, double loss_scale) {
  const int64_t rows = targets.shape.Elements();
  const int64_t columns = logits.shape.Elements() / rows;
  CHECK(logits.shape.Elements() == rows * columns);
  CHECK(dlogits.shape.Elements() == rows * columns);
  RequireType("cross_entropy_with_grad", targets, DType::kI32);
  RequireType("cross_entropy_with_grad", loss, DType::kF64);
  double* const losses = ScratchOf<double>(queue, rows);
  WithElement("cross_entropy_with_grad", {&logits, &dlogits}, [&](auto element) {
    using T = decltype(element);
    LaunchKernel(queue, "cross_entropy_with_grad",
                 RowGeometry(rows, columns, kVector<T>, kLossThreads), BothKernel<T>, rows, columns,
                 DataOf<T>(logits), targets.i32(), static_cast<float>(loss_scale), losses,
                 DataOf<T>(dlogits));
  });
  LaunchKernel(queue, "cross_entropy_with_grad", {.blocks = 1, .threads = kLossThreads},
               SumLossKernel, rows, losses, loss_scale, loss.f64());
}

}  // namespace pprun::kernels
