#include "compiler/plan/base/check.h"
#include "kernels/column_sum.h"
#include "kernels/cpu_queue.h"
#include "kernels/linear.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

constexpr auto kPlain = MatrixForm::kPlain;
constexpr auto kTransposed = MatrixForm::kTransposed;

PPRUN_VECTORISED void BiasGradLoop(const float* dy, int64_t rows, int64_t width, int64_t begin,
                                   int64_t end, float* dbias) {
  AddColumnSums(rows, begin, end, dbias,
                [&](int64_t row, int64_t j) { return dy[row * width + j]; });
}

}  // namespace

void LaunchLinear(const CpuQueue& queue, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const Tensor& y) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  const int64_t rows = x.shape.Elements() / width;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(y.shape.Elements() == rows * outputs);
  CHECK(!bias || bias.shape.Elements() == outputs);
  queue.linear_algebra->Multiply(
      DenseProduct(rows, outputs, width, kPlain, kTransposed, Result::kOverwrite), x.f32(),
      weight.f32(), bias.f32(), y.f32());
}

void LaunchLinearInputGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  const int64_t rows = dx.shape.Elements() / width;
  CHECK(dx.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * outputs);
  queue.linear_algebra->Multiply(
      DenseProduct(rows, width, outputs, kPlain, kPlain, Result::kOverwrite), dy.f32(),
      weight.f32(), nullptr, dx.f32());
}

void LaunchLinearWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& dweight, const Tensor& dbias) {
  const int64_t outputs = dweight.shape[0];
  const int64_t width = dweight.shape[1];
  const int64_t rows = x.shape.Elements() / width;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * outputs);
  queue.linear_algebra->Multiply(
      DenseProduct(outputs, width, rows, kTransposed, kPlain, Result::kAccumulate), dy.f32(),
      x.f32(), nullptr, dweight.f32());
  if (!dbias) return;
  CHECK(dbias.shape.Elements() == outputs);
  ForRanges(queue, outputs, RowGrain(rows), [&](int64_t begin, int64_t end) {
    BiasGradLoop(dy.f32(), rows, outputs, begin, end, dbias.f32());
  });
}

}  // namespace pprun::kernels
