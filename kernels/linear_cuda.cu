// The products are the library's, with gelu_tanh and its gradient where it has them for the sizes,
// else followed by their own kernels. So is the gradient of the bias: the library's sums overwrite
// what they are to be added to, so they go to scratch memory first; else the columns are summed by
// a kernel, which reads dy once more.
#include "kernels/activation.h"
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

// f32 or bf16, both operands.
DType OperandType(const char* what, const Tensor& a, const Tensor& b) {
  WithElement(what, {&a, &b}, [](auto) {});
  return a.dtype;
}

// The result is of the operands' type, or f32.
void RequireResult(const char* what, const Tensor& result, DType operands) {
  if (result.dtype != DType::kF32) RequireType(what, result, operands);
}

using Epilogue = CudaProduct::Epilogue;

// y = x W^T; the operands are checked.
CudaProduct Forward(const Tensor& x, const Tensor& weight, const Tensor& y, Epilogue epilogue) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  return {.product = DenseProduct(x.shape.Elements() / width, outputs, width, kPlain, kTransposed,
                                  Result::kOverwrite),
          .operands = x.dtype,
          .result = y.dtype,
          .epilogue = epilogue};
}

// dx = dy W.
CudaProduct Backward(const Tensor& dy, const Tensor& weight, const Tensor& dx, Epilogue epilogue) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  return {.product = DenseProduct(dx.shape.Elements() / width, width, outputs, kPlain, kPlain,
                                  Result::kOverwrite),
          .operands = dy.dtype,
          .result = dx.dtype,
          .epilogue = epilogue};
}

void CheckForward(const char* what, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  const int64_t rows = x.shape.Elements() / width;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(y.shape.Elements() == rows * outputs);
  CHECK(!bias || bias.shape.Elements() == outputs);
  RequireResult(what, y, OperandType(what, x, weight));
  RequireType(what, bias, y.dtype);
}

void CheckBackward(const char* what, const Tensor& dy, const Tensor& weight, const Tensor& dx) {
  const int64_t rows = dx.shape.Elements() / weight.shape[1];
  CHECK(dx.shape.Elements() == rows * weight.shape[1]);
  CHECK(dy.shape.Elements() == rows * weight.shape[0]);
  RequireResult(what, dx, OperandType(what, dy, weight));
}

}  // namespace

void LaunchLinear(const CudaQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y) {
  CheckForward("linear", x, weight, bias, y);
  queue.products->Multiply(queue, Forward(x, weight, y, Epilogue::kNone), x.data, weight.data,
                           bias.data, y.data);
}

void LaunchLinearGeluTanh(const CudaQueue& queue, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& pre, const Tensor& y) {
  CheckForward("linear_gelu_tanh", x, weight, bias, pre);
  CHECK(y.shape == pre.shape);
  WithElement("linear_gelu_tanh", {&pre, &y}, [](auto) {});
  if (queue.products->TryMultiply(queue, Forward(x, weight, y, Epilogue::kGeluTanh), x.data,
                                  weight.data, bias.data, pre.data, y.data)) {
    return;
  }
  LaunchLinear(queue, x, weight, bias, pre);
  LaunchGeluTanh(queue, pre, y);
}

void LaunchLinearInputGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx) {
  CheckBackward("linear_input_grad", dy, weight, dx);
  queue.products->Multiply(queue, Backward(dy, weight, dx, Epilogue::kNone), dy.data, weight.data,
                           nullptr, dx.data);
}

void LaunchLinearInputGradGeluTanh(const CudaQueue& queue, const Tensor& dy, const Tensor& weight,
                                   const Tensor& pre, const Tensor& dpre) {
  CheckBackward("linear_input_grad_gelu_tanh", dy, weight, dpre);
  CHECK(pre.shape == dpre.shape);
  WithElement("linear_input_grad_gelu_tanh", {&pre, &dpre}, [](auto) {});
  if (queue.products->TryMultiply(queue, Backward(dy, weight, dpre, Epilogue::kGeluTanhGrad),
                                  dy.data, weight.data, nullptr, pre.data, dpre.data)) {
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
