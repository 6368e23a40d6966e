// x is read once and y written once; the gradients read x and dy once each. Where x is a sum, its
// parts are read once and it is written once.
#include "kernels/cuda_column_sum.h"
#include "kernels/cuda_norm.h"
#include "kernels/formulas/norm.h"
#include "kernels/layer_norm.h"

namespace pprun::kernels {
namespace {

template <class Team, int kWidth, class T, class W, class Rows>
__global__ void __launch_bounds__(Team::kThreads)
    LayerNormKernel(int64_t rows, int64_t columns, const Rows x, const W* weight, const W* bias,
                    T* y, float* mean, float* rstd, float epsilon) {
  using Pieces = RowPieces<Team, kWidth, T>;
  for (int64_t row = Team::Row(); row < rows; row += Team::RowStep()) {
    const Pieces pieces = x.template Row<Team, kWidth>(row, columns);
    float value[kWidth];
    float sum = 0;
    Pieces::ForEach(columns, [&](int piece, int64_t) {
      pieces.Get(piece, value);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum += value[i];
    });
    const float m = Team::Sum(sum) / static_cast<float>(columns);
    // A second pass, since E[x^2] - mean^2 would cancel.
    float squares = 0;
    Pieces::ForEach(columns, [&](int piece, int64_t) {
      pieces.Get(piece, value);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) squares += (value[i] - m) * (value[i] - m);
    });
    const float variance = Team::Sum(squares) / static_cast<float>(columns);
    const float r = 1.0F / sqrtf(variance + epsilon);
    if (Team::Lane() == 0) {
      mean[row] = m;
      rstd[row] = r;
    }
    Pieces::ForEach(columns, [&](int piece, int64_t at) {
      float scale[kWidth];
      float shift[kWidth];
      pieces.Get(piece, value);
      Load(weight + at, scale);
      Load(bias + at, shift);
#pragma unroll
      for (int i = 0; i < kWidth; ++i)
        value[i] = LayerNormElement(value[i], m, r, scale[i], shift[i]);
      Store(y + row * columns + at, value);
    });
  }
}

template <class Team, int kWidth, class T, class W>
__global__ void __launch_bounds__(Team::kThreads)
    InputGradKernel(int64_t rows, int64_t columns, const T* x, const T* dy, const W* weight,
                    const float* mean, const float* rstd, const T* passed, T* dx) {
  using Pieces = RowPieces<Team, kWidth, T>;
  for (int64_t row = Team::Row(); row < rows; row += Team::RowStep()) {
    const Pieces inputs(x + row * columns, columns);
    const Pieces gradients(dy + row * columns, columns);
    const Pieces others((passed == nullptr ? x : passed) + row * columns,
                        passed == nullptr ? 0 : columns);
    const float m = mean[row];
    const float r = rstd[row];
    float input[kWidth];
    float gradient[kWidth];
    float scale[kWidth];
    float sum = 0;
    float sum_xhat = 0;
    Pieces::ForEach(columns, [&](int piece, int64_t at) {
      inputs.Get(piece, input);
      gradients.Get(piece, gradient);
      Load(weight + at, scale);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const float g = gradient[i] * scale[i];
        sum += g;
        sum_xhat += g * Normalised(input[i], m, r);
      }
    });
    const float average = Team::Sum(sum) / static_cast<float>(columns);
    const float average_xhat = Team::Sum(sum_xhat) / static_cast<float>(columns);
    Pieces::ForEach(columns, [&](int piece, int64_t at) {
      inputs.Get(piece, input);
      gradients.Get(piece, gradient);
      Load(weight + at, scale);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        input[i] = LayerNormGradElement(Normalised(input[i], m, r), gradient[i], scale[i], r,
                                        average, average_xhat);
      }
      if (passed != nullptr) {
        others.Get(piece, gradient);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) input[i] += gradient[i];
      }
      Store(dx + row * columns + at, input);
    });
  }
}

template <class T>
struct WeightGrad {
  static constexpr int kWidth = kVector<T>;
  static constexpr int kSums = 2;
  const T* x;
  const T* dy;
  const float* mean;
  const float* rstd;
  int64_t columns;

  template <int kCount>
  __device__ void AddRow(int64_t row, int64_t column, float (&sum)[2][kCount]) const {
    float input[kCount];
    float gradient[kCount];
    Load(x + row * columns + column, input);
    Load(dy + row * columns + column, gradient);
    const float m = mean[row];
    const float r = rstd[row];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      sum[0][i] += gradient[i] * Normalised(input[i], m, r);
      sum[1][i] += gradient[i];
    }
  }
};

}  // namespace

void LaunchLayerNorm(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& y, const Tensor& mean, const Tensor& rstd,
                     float epsilon) {
  const int64_t rows = mean.shape.Elements();
  const int64_t columns = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * columns);
  CHECK(y.shape.Elements() == rows * columns);
  CHECK(bias.shape.Elements() == columns);
  CHECK(rstd.shape.Elements() == rows);
  RequireType("layer_norm", mean, DType::kF32);
  RequireType("layer_norm", rstd, DType::kF32);
  WithNormElements("layer_norm", {&x, &y}, {&weight, &bias}, [&](auto element, auto vector) {
    using T = decltype(element);
    using W = decltype(vector);
    WithNormLayout<T>(
        rows, columns, {x.data, weight.data, bias.data, y.data}, [&](const auto& layout) {
          using Layout = std::decay_t<decltype(layout)>;
          LaunchKernel(queue, "layer_norm", layout.geometry,
                       LayerNormKernel<typename Layout::Team, Layout::kWidth, T, W, StoredRows<T>>,
                       rows, columns, StoredRows<T>{DataOf<T>(x)}, DataOf<W>(weight),
                       DataOf<W>(bias), DataOf<T>(y), mean.f32(), rstd.f32(), epsilon);
        });
  });
}

void LaunchAddLayerNorm(const CudaQueue& queue, const Tensor& a, const Tensor& b,
                        const Tensor& weight, const Tensor& bias, const Tensor& sum,
                        const Tensor& y, const Tensor& mean, const Tensor& rstd, float epsilon) {
  const int64_t rows = mean.shape.Elements();
  const int64_t columns = weight.shape.Elements();
  for (const Tensor* const tensor : {&a, &b, &sum, &y})
    CHECK(tensor->shape.Elements() == rows * columns);
  CHECK(bias.shape.Elements() == columns);
  CHECK(rstd.shape.Elements() == rows);
  RequireType("add_layer_norm", mean, DType::kF32);
  RequireType("add_layer_norm", rstd, DType::kF32);
  WithNormElements(
      "add_layer_norm", {&a, &b, &sum, &y}, {&weight, &bias}, [&](auto element, auto vector) {
        using T = decltype(element);
        using W = decltype(vector);
        WithNormLayout<T>(
            rows, columns, {a.data, b.data, sum.data, weight.data, bias.data, y.data},
            [&](const auto& layout) {
              using Layout = std::decay_t<decltype(layout)>;
              LaunchKernel(
                  queue, "add_layer_norm", layout.geometry,
                  LayerNormKernel<typename Layout::Team, Layout::kWidth, T, W, AddedRows<T>>, rows,
                  columns, AddedRows<T>{DataOf<T>(a), DataOf<T>(b), DataOf<T>(sum)},
                  DataOf<W>(weight), DataOf<W>(bias), DataOf<T>(y), mean.f32(), rstd.f32(),
                  epsilon);
            });
      });
}

void LaunchLayerNormInputGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                              const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                              const Tensor& passed, const Tensor& dx) {
  const int64_t rows = mean.shape.Elements();
  const int64_t columns = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * columns);
  CHECK(dy.shape.Elements() == rows * columns);
  CHECK(dx.shape.Elements() == rows * columns);
  CHECK(!passed || passed.shape.Elements() == rows * columns);
  CHECK(rstd.shape.Elements() == rows);
  RequireType("layer_norm_input_grad", mean, DType::kF32);
  RequireType("layer_norm_input_grad", rstd, DType::kF32);
  WithNormElements(
      "layer_norm_input_grad", {&x, &dy, &passed, &dx}, {&weight}, [&](auto element, auto vector) {
        using T = decltype(element);
        using W = decltype(vector);
        WithNormLayout<T>(rows, columns, {x.data, dy.data, weight.data, passed.data, dx.data},
                          [&](const auto& layout) {
                            using Layout = std::decay_t<decltype(layout)>;
                            LaunchKernel(
                                queue, "layer_norm_input_grad", layout.geometry,
                                InputGradKernel<typename Layout::Team, Layout::kWidth, T, W>, rows,
                                columns, DataOf<T>(x), DataOf<T>(dy), DataOf<W>(weight), mean.f32(),
                                rstd.f32(), DataOf<T>(passed), DataOf<T>(dx));
                          });
      });
}

void LaunchLayerNormWeightGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                               const Tensor& mean, const Tensor& rstd, const Tensor& dweight,
                               const Tensor& dbias) {
  const int64_t rows = mean.shape.Elements();
  const int64_t columns = dweight.shape.Elements();
  CHECK(x.shape.Elements() == rows * columns);
  CHECK(dy.shape.Elements() == rows * columns);
  CHECK(rstd.shape.Elements() == rows);
  CHECK(dbias.shape.Elements() == columns);
  for (const Tensor* const tensor : {&mean, &rstd, &dweight, &dbias})
    RequireType("layer_norm_weight_grad", *tensor, DType::kF32);
  WithElement("layer_norm_weight_grad", {&x, &dy}, [&](auto element) {
    using T = decltype(element);
    LaunchColumnSums(queue, "layer_norm_weight_grad", rows, columns, {x.data, dy.data},
                     WeightGrad<T>{DataOf<T>(x), DataOf<T>(dy), mean.f32(), rstd.f32(), columns},
                     {{dweight.f32(), dbias.f32()}});
  });
}

}  // namespace pprun::kernels
