#include "kernels/cuda_loss.h"
#include "kernels/mean_squared_error.h"

namespace pprun::kernels {
namespace {

template <class T>
__global__ void __launch_bounds__(kLossThreads)
    ForwardKernel(int64_t rows, int64_t columns, const T* x, const int32_t* targets,
                  double* losses) {
  __shared__ float parts[kLossWarps];
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* const from = x + row * columns;
    const int64_t target = targets[row];
    float sum = 0;
    // The target's term is added apart, in double: nothing large cancels.
    ForRowPieces(from, columns, [&](int64_t at, const auto& value) {
      constexpr int kCount = sizeof(value) / sizeof(float);
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum += at + i == target ? 0.0F : value[i] * value[i];
    });
    const float total = BlockSum(sum, parts);
    if (threadIdx.x == 0) {
      const double off = static_cast<double>(ToFloat(from[target])) - 1.0;
      losses[row] = off * off + static_cast<double>(total);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kLossThreads)
    BackwardKernel(int64_t rows, int64_t columns, const T* x, const int32_t* targets, float scale,
                   T* dx) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const int64_t target = targets[row];
    T* const to = dx + row * columns;
    ForRowPieces(x + row * columns, columns, [&](int64_t at, const auto& value) {
      constexpr int kCount = sizeof(value) / sizeof(float);
      float gradient[kCount];
#pragma unroll
      for (int i = 0; i < kCount; ++i)
        gradient[i] = scale * (at + i == target ? value[i] - 1.0F : value[i]);
      StorePiece(to + at, gradient);
    });
  }
}

}  // namespace

void LaunchMeanSquaredError(const CudaQueue& queue, const Tensor& x, const Tensor& targets,
                            const Tensor& loss, double loss_scale) {
  constexpr const char* kName = "mean_squared_error";
  const LossRows sizes = LossRowsOf(kName, x, targets);
  WithElement(kName, {&x}, [&](auto element) {
    using T = decltype(element);
    LaunchLoss(queue, kName, sizes, loss_scale, loss, [&](double* losses) {
      LaunchKernel(queue, kName, sizes.GeometryOf<T>(), ForwardKernel<T>, sizes.rows, sizes.columns,
                   DataOf<T>(x), targets.i32(), losses);
    });
  });
}

void LaunchMeanSquaredErrorGrad(const CudaQueue& queue, const Tensor& x, const Tensor& targets,
                                const Tensor& dx, double loss_scale) {
  constexpr const char* kName = "mean_squared_error_grad";
  const LossRows sizes = LossRowsOf(kName, x, targets);
  CHECK(dx.shape.Elements() == x.shape.Elements());
  WithElement(kName, {&x, &dx}, [&](auto element) {
    using T = decltype(element);
    LaunchKernel(queue, kName, sizes.GeometryOf<T>(), BackwardKernel<T>, sizes.rows, sizes.columns,
                 DataOf<T>(x), targets.i32(), static_cast<float>(2.0 * loss_scale), DataOf<T>(dx));
  });
}

}  // namespace pprun::kernels
