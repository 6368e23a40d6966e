// x is read once and y written once; the gradients read x and dy once each. Where x is a sum, its
// parts are read once and it is written once.
#include "kernels/cuda_column_sum.h"
#include "kernels/cuda_norm.h"
#include "kernels/formulas/norm.h"
#include "kernels/rms_norm.h"

namespace pprun::kernels {
namespace {

template <class Team, int kWidth, class T, class W, class Rows>
__global__ void __launch_bounds__(Team::kThreads)
    RmsNormKernel(int64_t rows, int64_t columns, const Rows x, const W* weight, T* y, float* rstd,
                  float epsilon) {
  using Pieces = RowPieces<Team, kWidth, T>;
  for (int64_t row = Team::Row(); row < rows; row += Team::RowStep()) {
    const Pieces pieces = x.template Row<Team, kWidth>(row, columns);
    float value[kWidth];
    float squares = 0;
    Pieces::ForEach(columns, [&](int piece, int64_t) {
      pieces.Get(piece, value);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) squares += value[i] * value[i];
    });
    const float average = Team::Sum(squares) / static_cast<float>(columns);
    const float r = 1.0F / sqrtf(average + epsilon);
    if (Team::Lane() == 0) rstd[row] = r;
    Pieces::ForEach(columns, [&](int piece, int64_t at) {
      float scale[kWidth];
      pieces.Get(piece, value);
      Load(weight + at, scale);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) value[i] = RmsNormElement(value[i], r, scale[i]);
      Store(y + row * columns + at, value);
    });
  }
}

template <class Team, int kWidth, class T, class W>
__global__ void __launch_bounds__(Team::kThreads)
    InputGradKernel(int64_t rows, int64_t columns, const T* x, const T* dy, const W* weight,
                    const float* rstd, const T* passed, T* dx) {
  using Pieces = RowPieces<Team, kWidth, T>;
  for (int64_t row = Team::Row(); row < rows; row += Team::RowStep()) {
    const Pieces inputs(x + row * columns, columns);
    const Pieces gradients(dy + row * columns, columns);
    const Pieces others((passed == nullptr ? x : passed) + row * columns,
                        passed == nullptr ? 0 : columns);
    const float r = rstd[row];
    float input[kWidth];
    float gradient[kWidth];
    float scale[kWidth];
    float sum = 0;
    Pieces::ForEach(columns, [&](int piece, int64_t at) {
      inputs.Get(piece, input);
      gradients.Get(piece, gradient);
      Load(weight + at, scale);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum += gradient[i] * scale[i] * input[i];
    });
    const float average = Team::Sum(sum) / static_cast<float>(columns);
    const float pull = r * r * average;
    Pieces::ForEach(columns, [&](int piece, int64_t at) {
      inputs.Get(piece, input);
      gradients.Get(piece, gradient);
      Load(weight + at, scale);
#pragma unroll
      for (int i = 0; i < kWidth; ++i)
        input[i] = RmsNormGradElement(input[i], gradient[i], scale[i], r, pull);
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
  static constexpr int kSums = 1;
  const T* x;
  const T* dy;
  const float* rstd;
  int64_t columns;

  template <int kCount>
  __device__ void AddRow(int64_t row, int64_t column, float (&sum)[1][kCount]) const {
    float input[kCount];
    float gradient[kCount];
    Load(x + row * columns + column, input);
    Load(dy + row * columns + column, gradient);
    const float r = rstd[row];
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum[0][i] += gradient[i] * (input[i] * r);
  }
};

}  // namespace

void LaunchRmsNorm(const CudaQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& y,
                   const Tensor& rstd, float epsilon) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t columns = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * columns);
  CHECK(y.shape.Elements() == rows * columns);
  RequireType("rms_norm", rstd, DType::kF32);
  WithNormElements("rms_norm", {&x, &y}, {&weight}, [&](auto element, auto vector) {
    using T = decltype(element);
    using W = decltype(vector);
    WithNormLayout<T>(rows, columns, {x.data, weight.data, y.data}, [&](const auto& layout) {
      using Layout = std::decay_t<decltype(layout)>;
      LaunchKernel(queue, "rms_norm", layout.geometry,
                   RmsNormKernel<typename Layout::Team, Layout::kWidth, T, W, StoredRows<T>>, rows,
                   columns, StoredRows<T>{DataOf<T>(x)}, DataOf<W>(weight), DataOf<T>(y),
                   rstd.f32(), epsilon);
    });
  });
}

void LaunchAddRmsNorm(const CudaQueue& queue, const Tensor& a, const Tensor& b,
                      const Tensor& weight, const Tensor& sum, const Tensor& y, const Tensor& rstd,
                      float epsilon) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t columns = weight.shape.Elements();
  for (const Tensor* const tensor : {&a, &b, &sum, &y})
    CHECK(tensor->shape.Elements() == rows * columns);
  RequireType("add_rms_norm", rstd, DType::kF32);
  WithNormElements("add_rms_norm", {&a, &b, &sum, &y}, {&weight}, [&](auto element, auto vector) {
    using T = decltype(element);
    using W = decltype(vector);
    WithNormLayout<T>(
        rows, columns, {a.data, b.data, sum.data, weight.data, y.data}, [&](const auto& layout) {
          using Layout = std::decay_t<decltype(layout)>;
          LaunchKernel(queue, "add_rms_norm", layout.geometry,
                       RmsNormKernel<typename Layout::Team, Layout::kWidth, T, W, AddedRows<T>>,
                       rows, columns, AddedRows<T>{DataOf<T>(a), DataOf<T>(b), DataOf<T>(sum)},
                       DataOf<W>(weight), DataOf<T>(y), rstd.f32(), epsilon);
        });
  });
}

void LaunchRmsNormInputGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& weight, const Tensor& rstd, const Tensor& passed,
                            const Tensor& dx) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t columns = weight.shape.Elements();
  CHECK(x.shape.Elements() == rows * columns);
  CHECK(dy.shape.Elements() == rows * columns);
  CHECK(dx.shape.Elements() == rows * columns);
  CHECK(!passed || passed.shape.Elements() == rows * columns);
  RequireType("rms_norm_input_grad", rstd, DType::kF32);
  WithNormElements(
      "rms_norm_input_grad", {&x, &dy, &passed, &dx}, {&weight}, [&](auto element, auto vector) {
        using T = decltype(element);
        using W = decltype(vector);
        WithNormLayout<T>(rows, columns, {x.data, dy.data, weight.data, passed.data, dx.data},
                          [&](const auto& layout) {
                            using Layout = std::decay_t<decltype(layout)>;
                            LaunchKernel(
                                queue, "rms_norm_input_grad", layout.geometry,
                                InputGradKernel<typename Layout::Team, Layout::kWidth, T, W>, rows,
                                columns, DataOf<T>(x), DataOf<T>(dy), DataOf<W>(weight), rstd.f32(),
                                DataOf<T>(passed), DataOf<T>(dx));
                          });
      });
}

void LaunchRmsNormWeightGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                             const Tensor& rstd, const Tensor& dweight) {
  const int64_t rows = rstd.shape.Elements();
  const int64_t columns = dweight.shape.Elements();
  CHECK(x.shape.Elements() == rows * columns);
  CHECK(dy.shape.Elements() == rows * columns);
  RequireType("rms_norm_weight_grad", rstd, DType::kF32);
  RequireType("rms_norm_weight_grad", dweight, DType::kF32);
  WithElement("rms_norm_weight_grad", {&x, &dy}, [&](auto element) {
    using T = decltype(element);
    LaunchColumnSums(queue, "rms_norm_weight_grad", rows, columns, {x.data, dy.data},
                     WeightGrad<T>{DataOf<T>(x), DataOf<T>(dy), rstd.f32(), columns},
                     {{dweight.f32(), nullptr}});
  });
}

}  // namespace pprun::kernels
