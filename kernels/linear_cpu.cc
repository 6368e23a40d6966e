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

PPRUN_INLINE float ToFloat(float value) { return value; }
PPRUN_INLINE float ToFloat(Bfloat16 value) { return FloatOfBfloat16(value.bits); }

template <class Element>
PPRUN_INLINE void BiasGradLoop(const Element* dy, int64_t rows, int64_t width, int64_t begin,
                               int64_t end, float* dbias) {
  AddColumnSums(rows, begin, end, dbias,
                [&](int64_t row, int64_t j) { return ToFloat(dy[row * width + j]); });
}

PPRUN_VECTORISED void BiasGrad(const float* dy, int64_t rows, int64_t width, int64_t begin,
                               int64_t end, float* dbias) {
  BiasGradLoop(dy, rows, width, begin, end, dbias);
}

PPRUN_VECTORISED void BiasGrad(const Bfloat16* dy, int64_t rows, int64_t width, int64_t begin,
                               int64_t end, float* dbias) {
  BiasGradLoop(dy, rows, width, begin, end, dbias);
}

// A product of dense matrices whose operands are of one type.
void Multiply(const CpuQueue& queue, Product product, const Tensor& a, const Tensor& b,
              const Tensor& bias, const Tensor& c) {
  CHECK(a.dtype == b.dtype && (!bias || bias.dtype == a.dtype));
  product.operands = a.dtype;
  product.c = c.dtype;
  queue.linear_algebra->Multiply(product, a.data, b.data, bias.data, c.data);
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
  Multiply(queue, DenseProduct(rows, outputs, width, kPlain, kTransposed, Result::kOverwrite), x,
           weight, bias, y);
}

void LaunchLinearInputGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& weight,
                           const Tensor& dx) {
  const int64_t outputs = weight.shape[0];
  const int64_t width = weight.shape[1];
  const int64_t rows = dx.shape.Elements() / width;
  CHECK(dx.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * outputs);
  Multiply(queue, DenseProduct(rows, width, outputs, kPlain, kPlain, Result::kOverwrite), dy,
           weight, {}, dx);
}

void LaunchLinearWeightGrad(const CpuQueue& queue, const Tensor& x, const Tensor& dy,
                            const Tensor& dweight, const Tensor& dbias) {
  const int64_t outputs = dweight.shape[0];
  const int64_t width = dweight.shape[1];
  const int64_t rows = x.shape.Elements() / width;
  CHECK(x.shape.Elements() == rows * width);
  CHECK(dy.shape.Elements() == rows * outputs);
  Multiply(queue, DenseProduct(outputs, width, rows, kTransposed, kPlain, Result::kAccumulate), dy,
           x, {}, dweight);
  if (!dbias) return;
  CHECK(dbias.shape.Elements() == outputs);
  ForRanges(queue, outputs, RowGrain(rows), [&](int64_t begin, int64_t end) {
    if (dy.dtype == DType::kBF16) {
      BiasGrad(dy.bf16(), rows, outputs, begin, end, dbias.f32());
    } else {
      BiasGrad(dy.f32(), rows, outputs, begin, end, dbias.f32());
    }
  });
}

}  // namespace pprun::kernels
