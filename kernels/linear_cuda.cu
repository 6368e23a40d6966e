// The products are the library's; the gradient of the bias is a sum of columns, since the library's
// own would overwrite what is to be added to.
#include "kernels/cuda_column_sum.h"
#include "kernels/linear.h"

namespace pprun::kernels {
namespace {

constexpr auto kPlain = MatrixForm::kPlain;
constexpr auto kTransposed = MatrixForm::kTransposed;

template <class T>
struct BiasGrad {
  static constexpr int kWidth = kVector<T>;
  static constexpr int kSums = 1;
  const T* dy;
  int64_t columns;

  template <int kCount>
  __device__ void AddRow(int64_t row, int64_t column, float (&sum)[1][kCount]) const {
    float value[kCount];
    Load(dy + row * columns + column, value);
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum[0][i] += value[i];
  }
};

// f32 or bf16, both operands.
DType OperandType(const char* what, const Tensor& a, const Tensor& b) {
  WithElement(what, {&a, &b}, [](auto) {});
  return a.dtype;
}

// The result is of the operands' type, or f32.
void RequireResult(const char* what, const Tensor& result, DType operands) {
  if (result.dtype != DType::kF32) RequireType(what, result, operands);
}

}  // namespace

void LaunchLinear(const CudaQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  const int64_t rows = x.shape.Elements() / width;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(y.shape.Elements() == rows * outputs);
  CHECK(!bias || bias.shape.Elements() == outputs);
  const DType operands = OperandType("linear", x, weight);
  RequireResult("linear", y, operands);
  RequireType("linear", bias, y.dtype);
  queue.products->Multiply(
      queue,
      {.product = DenseProduct(rows, outputs, width, kPlain, kTransposed, Result::kOverwrite),
       .operands = operands,
       .result = y.dtype},
      x.data, weight.data, bias.data, y.data);
}

void LaunchLinearInputGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  const int64_t rows = dx.shape.Elements() / width;
  CHECK(dx.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * outputs);
  const DType operands = OperandType("linear_input_grad", dy, weight);
  RequireResult("linear_input_grad", dx, operands);
  queue.products->Multiply(
      queue,
      {.product = DenseProduct(rows, width, outputs, kPlain, kPlain, Result::kOverwrite),
       .operands = operands,
       .result = dx.dtype},
      dy.data, weight.data, nullptr, dx.data);
}

void LaunchLinearWeightGrad(const CudaQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& dweight, const Tensor& dbias) {
  const int64_t outputs = dweight.shape[0];
  const int64_t width = dweight.shape[1];
  const int64_t rows = x.shape.Elements() / width;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * outputs);
  const DType operands = OperandType("linear_weight_grad", x, dy);
  RequireType("linear_weight_grad", dweight, DType::kF32);
  RequireType("linear_weight_grad", dbias, DType::kF32);
  queue.products->Multiply(
      queue,
      {.product = DenseProduct(outputs, width, rows, kTransposed, kPlain, Result::kAccumulate),
       .operands = operands,
       .result = DType::kF32},
      dy.data, x.data, nullptr, dweight.data);
  if (!dbias) return;
  CHECK(dbias.shape.Elements() == outputs);
  WithElement("linear_weight_grad", {&dy}, [&](auto element) {
    using T = decltype(element);
    LaunchColumnSums(queue, "linear_weight_grad", rows, outputs, {dy.data},
                     BiasGrad<T>{DataOf<T>(dy), outputs}, {{dbias.f32(), nullptr}});
  });
}

}  // namespace pprun::kernels
