// The forward reads the logits once: each thread keeps a running maximum and the sum of
// exponentials relative to it (Milakov and Gimelshein 2018), which are joined at the row's end. The
// gradient reads and writes them once. Both together need a row twice, since the logarithm has to
// be known before the first element of the gradient is: a block keeps its row in shared memory.
// Rows that do not fit there are read again, from the cache as far as it holds the rows of all
// blocks at work.
#include <cmath>

#include "kernels/cross_entropy.h"
#include "kernels/cuda_loss.h"

namespace pprun::kernels {
namespace {

// e^x, within (|x| + 4) 2^-24 relatively: little where the result is not small. Two instructions
// where expf() takes eight, of a vocabulary's elements twice each, which is more than the memory
// they come from takes.
__device__ __forceinline__ float ExpOf(float x) {
  constexpr float kLog2E = 1.44269504F;
  return PowerOfTwo(x * kLog2E);
}

// What every GPU since Ampere has for a block is 99 KiB: with static memory, a row of GPT-2's
// vocabulary in bf16.
constexpr int64_t kMostSharedRow = (99 << 10) - 512;

// The log of the sum of a row's exponentials, in every thread of the block. `see` gets each piece,
// too.
template <class T, class See>
__device__ double LogSumOf(const T* row, int64_t columns, float* parts, const See& see) {
  float largest = -INFINITY;
  float sum = 0;
  ForRowPieces(row, columns, [&](int64_t at, const auto& value) {
    see(at, value);
    constexpr int kCount = sizeof(value) / sizeof(float);
    float next = largest;
#pragma unroll
    for (int i = 0; i < kCount; ++i) next = fmaxf(next, value[i]);
    // Where everything so far is minus infinity, any finite shift gives a sum of zero.
    const float shift = next == -INFINITY ? 0.0F : next;
    sum *= ExpOf(largest - shift);
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum += ExpOf(value[i] - shift);
    largest = next;
  });
  const float all = BlockMaximum(largest, parts);
  const float total = BlockSum(sum == 0.0F ? 0.0F : sum * ExpOf(largest - all), parts);
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
    for (int i = 0; i < kCount; ++i) gradient[i] = scale * ExpOf(value[i] - lse);
    // One piece of the row has it: the others are spared a comparison an element.
    if (at <= target && target < at + kCount) {
      const int place = static_cast<int>(target - at);
#pragma unroll
      for (int i = 0; i < kCount; ++i) gradient[i] -= i == place ? scale : 0.0F;
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
    const double log_sum = LogSumOf(from, columns, parts, [](int64_t, const auto&) {});
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

enum class RowCopy : uint8_t { kShared, kNone };

// Bytes of shared memory for a copy of a row, which lies to a boundary as the row does.
template <class T>
int64_t RowCopyBytes(int64_t columns) {
  return columns * static_cast<int64_t>(sizeof(T)) + kVectorBytes;
}

template <RowCopy kCopy, class T>
__global__ void __launch_bounds__(kLossThreads, 2)
    BothKernel(int64_t rows, int64_t columns, const T* logits, const int32_t* targets, float scale,
               double* losses, T* dlogits) {
  __shared__ float parts[kLossWarps];
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* const from = logits + row * columns;
    const int64_t target = targets[row];
    T* const to = dlogits + row * columns;
    if constexpr (kCopy == RowCopy::kShared) {
      const int64_t head = ElementsBeforeBoundary(from);
      T* const copy = reinterpret_cast<T*>(DynamicShared()) + (head == 0 ? 0 : kVector<T> - head);
      const double log_sum = LogSumOf(from, columns, parts, [&](int64_t at, const auto& value) {
        KeepPiece(copy + at, value);
      });
      if (threadIdx.x == 0) losses[row] = log_sum - static_cast<double>(ToFloat(from[target]));
      // The target's logit is read before its gradient may take its place. The copy needs no
      // barrier: its pieces are the row's, and a thread reads what it wrote.
      __syncthreads();
      WriteGradient(copy, columns, target, static_cast<float>(log_sum), scale, to);
    } else {
      const double log_sum = LogSumOf(from, columns, parts, [](int64_t, const auto&) {});
      if (threadIdx.x == 0) losses[row] = log_sum - static_cast<double>(ToFloat(from[target]));
      __syncthreads();
      WriteGradient(from, columns, target, static_cast<float>(log_sum), scale, to);
    }
  }
}

}  // namespace

void LaunchCrossEntropy(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                        const Tensor& loss, const Tensor& lse, double loss_scale) {
  constexpr const char* kName = "cross_entropy";
  const LossRows sizes = LossRowsOf(kName, logits, targets);
  CHECK(lse.shape.Elements() == sizes.rows);
  RequireType(kName, lse, DType::kF32);
  WithElement(kName, {&logits}, [&](auto element) {
    using T = decltype(element);
    LaunchLoss(queue, kName, sizes, loss_scale, loss, [&](double* losses) {
      LaunchKernel(queue, kName, sizes.GeometryOf<T>(), ForwardKernel<T>, sizes.rows, sizes.columns,
                   DataOf<T>(logits), targets.i32(), lse.f32(), losses);
    });
  });
}

void LaunchCrossEntropyGrad(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const Tensor& dlogits, double loss_scale) {
  constexpr const char* kName = "cross_entropy_grad";
  const LossRows sizes = LossRowsOf(kName, logits, targets);
  CHECK(dlogits.shape.Elements() == logits.shape.Elements());
  CHECK(lse.shape.Elements() == sizes.rows);
  RequireType(kName, lse, DType::kF32);
  WithElement(kName, {&logits, &dlogits}, [&](auto element) {
    using T = decltype(element);
    LaunchKernel(queue, kName, sizes.GeometryOf<T>(), BackwardKernel<T>, sizes.rows, sizes.columns,
                 DataOf<T>(logits), targets.i32(), lse.f32(), static_cast<float>(loss_scale),
                 DataOf<T>(dlogits));
  });
}

void LaunchCrossEntropyWithGrad(const CudaQueue& queue, const Tensor& logits, const Tensor& targets,
                                const Tensor& loss, const Tensor& dlogits, double loss_scale) {
  constexpr const char* kName = "cross_entropy_with_grad";
  const LossRows sizes = LossRowsOf(kName, logits, targets);
  CHECK(dlogits.shape.Elements() == logits.shape.Elements());
  WithElement(kName, {&logits, &dlogits}, [&](auto element) {
    using T = decltype(element);
    Geometry geometry = sizes.GeometryOf<T>();
    const int64_t copy = RowCopyBytes<T>(sizes.columns);
    const bool is_kept = copy <= kMostSharedRow;
    if (is_kept) geometry.shared_bytes = copy;
    LaunchLoss(queue, kName, sizes, loss_scale, loss, [&](double* losses) {
      LaunchKernel(queue, kName, geometry,
                   is_kept ? BothKernel<RowCopy::kShared, T> : BothKernel<RowCopy::kNone, T>,
                   sizes.rows, sizes.columns, DataOf<T>(logits), targets.i32(),
                   static_cast<float>(loss_scale), losses, DataOf<T>(dlogits));
    });
  });
}

}  // namespace pprun::kernels
