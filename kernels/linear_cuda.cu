// The products are the library's, with gelu_tanh and its gradient where it has them for the sizes,
// else followed by their own kernels. So is the gradient of the bias: the library's sums overwrite
// what they are to be added to, so they go to scratch memory first; else the columns are summed by
// a kernel, which reads dy once more.
#include "kernels/activation.h"
#include "kernels/add.h"
#include "kernels/cuda_column_sum.h"
#include "kernels/elementwise.h"
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

using Epilogue = CudaProduct::Epilogue;

// f32 or bf16, both operands.
DType OperandType(const char* what, const Tensor& a, const Tensor& b) {
  WithElement(what, {&a, &b}, [](auto) {});
  return a.dtype;
}

// to = from W^T + bias, or without a bias from W: of f32, or of the operands' type.
CudaProduct TimesWeight(const char* what, const Tensor& from, const Tensor& weight, MatrixForm form,
                        const Tensor& bias, const Tensor& to, Epilogue epilogue) {
  const bool is_forward = form == kTransposed;
  const int64_t n = weight.shape[is_forward ? 0 : 1];
  const int64_t k = weight.shape[is_forward ? 1 : 0];
  const int64_t rows = from.shape.Elements() / k;
  CHECK(from.shape.Elements() == rows * k);
  CHECK(to.shape.Elements() == rows * n);
  CHECK(!bias || bias.shape.Elements() == n);
  const DType operands = OperandType(what, from, weight);
  if (to.dtype != DType::kF32) RequireType(what, to, operands);
  RequireType(what, bias, to.dtype);
  return {.product = DenseProduct(rows, n, k, kPlain, form, Result::kOverwrite),
          .operands = operands,
          .result = to.dtype,
          .epilogue = epilogue};
}

}  // namespace

void LaunchLinear(const CudaQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y) {
  const CudaProduct product =
      TimesWeight("linear", x, weight, kTransposed, bias, y, Epilogue::kNone);
  queue.products->Multiply(queue, product, x.data, weight.data, bias.data, y.data);
}

void LaunchLinearAdd(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& a, const Tensor& y) {
  const CudaProduct product =
      TimesWeight("linear_add", x, weight, kTransposed, bias, y, Epilogue::kAdd);
  CHECK(a.shape == y.shape);
  WithElement("linear_add", {&a, &y}, [](auto) {});
  if (queue.products->TryMultiply(queue, product, x.data, weight.data, bias.data, a.data, y.data)) {
    return;
  }
  LaunchLinear(queue, x, weight, bias, y);
  LaunchAdd(queue, y, a, y);
}

void LaunchLinearGeluTanh(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& pre, const Tensor& y) {
  const CudaProduct product =
      TimesWeight("linear_gelu_tanh", x, weight, kTransposed, bias, y, Epilogue::kGeluTanh);
  CHECK(y.shape == pre.shape);
  WithElement("linear_gelu_tanh", {&pre, &y}, [](auto) {});
  if (queue.products->TryMultiply(queue, product, x.data, weight.data, bias.data, pre.data,
                                  y.data)) {
    return;
  }
  LaunchLinear(queue, x, weight, bias, pre);
  LaunchGeluTanh(queue, pre, y);
}

void LaunchLinearInputGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx) {
  const CudaProduct product =
      TimesWeight("linear_input_grad", dy, weight, kPlain, {}, dx, Epilogue::kNone);
  queue.products->Multiply(queue, product, dy.data, weight.data, nullptr, dx.data);
}

void LaunchLinearInputGradGeluTanh(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                                   const Tensor& pre, const Tensor& dpre) {
  const CudaProduct product = TimesWeight("linear_input_grad_gelu_tanh", dy, weight, kPlain, {},
                                          dpre, Epilogue::kGeluTanhGrad);
  CHECK(pre.shape == dpre.shape);
  WithElement("linear_input_grad_gelu_tanh", {&pre, &dpre}, [](auto) {});
  if (queue.products->TryMultiply(queue, product, dy.data, weight.data, nullptr, pre.data,
                                  dpre.data)) {
    return;
  }
  LaunchLinearInputGrad(queue, dy, weight, dpre);
  LaunchGeluTanhGrad(queue, pre, dpre, dpre);
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
  CHECK(!dbias || dbias.shape.Elements() == outputs);
  CudaProduct product = {
      .product = DenseProduct(outputs, width, rows, kTransposed, kPlain, Result::kAccumulate),
      .operands = operands,
      .result = DType::kF32,
      .epilogue = Epilogue::kBiasGrad};
  if (dbias && queue.bias_grad == BiasGradPolicy::kEpilogue) {
    float* const sums = ScratchBesideProduct<float>(queue, outputs);
    if (queue.products->TryMultiply(queue, product, dy.data, x.data, nullptr, sums, dweight.data)) {
      LaunchAddInto(queue, dbias, {sums, DType::kF32, dbias.shape});
      return;
    }
  }
  product.epilogue = Epilogue::kNone;
  queue.products->Multiply(queue, product, dy.data, x.data, nullptr, dweight.data);
  if (!dbias) return;
  WithElement("linear_weight_grad", {&dy}, [&](auto element) {
    using T = decltype(element);
    LaunchColumnSums(queue, "linear_weight_grad", rows, outputs, {dy.data},
                     BiasGrad<T>{DataOf<T>(dy), outputs}, {{dbias.f32(), nullptr}});
  });
}

}  // namespace pprun::kernels
