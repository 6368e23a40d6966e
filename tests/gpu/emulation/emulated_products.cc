// Products on the emulated GPU: a plain column-major product, as cuBLASLt computes it, of what
// ColumnMajorOf says. Tests: gpu/kernels_check.cc.
#include "compiler/plan/base/check.h"
#include "kernels/cuda_products.h"
#include "kernels/cuda_queue.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun::kernels {
namespace {

float ElementAt(const void* matrix, DType dtype, int64_t index) {
  if (dtype == DType::kBF16) return FloatOfBfloat16(static_cast<const uint16_t*>(matrix)[index]);
  return static_cast<const float*>(matrix)[index];
}

// Element (row, column) of op(matrix), whose stored columns are `stride` elements apart.
int64_t IndexOf(MatrixForm form, int64_t stride, int64_t row, int64_t column) {
  return form == MatrixForm::kPlain ? row + column * stride : column + row * stride;
}

class EmulatedProducts : public CudaProducts {
 public:
  void Multiply(const CudaQueue& queue, const CudaProduct& product, const void* a, const void* b,
                const void* bias, void* c) override {
    CHECK(bias == nullptr || product.product.result == Result::kOverwrite);
    queue.stream->Do([=] {
      Compute(product, a, b, bias, c);
      return cudaSuccess;
    });
  }

 private:
  static void Compute(const CudaProduct& product, const void* a, const void* b, const void* bias,
                      void* c) {
    const ColumnMajorProduct shape = ColumnMajorOf(product.product);
    const bool accumulates = product.product.result == Result::kAccumulate;
    for (int64_t column = 0; column < shape.n; ++column) {
      for (int64_t row = 0; row < shape.m; ++row) {
        const int64_t to = row + column * shape.result_stride;
        double sum = accumulates ? static_cast<double>(ElementAt(c, product.result, to)) : 0;
        if (bias != nullptr) sum += static_cast<double>(ElementAt(bias, product.result, row));
        for (int64_t k = 0; k < shape.k; ++k) {
          sum +=
              static_cast<double>(ElementAt(
                  b, product.operands, IndexOf(shape.first_form, shape.first_stride, row, k))) *
              static_cast<double>(ElementAt(
                  a, product.operands, IndexOf(shape.second_form, shape.second_stride, k, column)));
        }
        if (product.result == DType::kBF16) {
          static_cast<uint16_t*>(c)[to] = BitsOfBfloat16(static_cast<float>(sum));
        } else {
          static_cast<float*>(c)[to] = static_cast<float>(sum);
        }
      }
    }
  }
};

}  // namespace

std::unique_ptr<CudaProducts> MakeCudaProducts() { return std::make_unique<EmulatedProducts>(); }

}  // namespace pprun::kernels
