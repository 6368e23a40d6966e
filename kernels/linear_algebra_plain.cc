#include "compiler/plan/base/check.h"
#include "kernels/linear_algebra.h"
#include "kernels/plain_product.h"

namespace pprun::kernels {
namespace {

class PlainLinearAlgebra : public LinearAlgebra {
 public:
  bool Multiplies(DType operands) const override { return operands == DType::kF32; }
  void Multiply(const Product& product, const void* a, const void* b, const void* bias,
                void* c) override {
    CHECK(product.operands == DType::kF32 && product.c == DType::kF32);
    MultiplyPlain(product, static_cast<const float*>(a), static_cast<const float*>(b),
                  static_cast<const float*>(bias), static_cast<float*>(c));
  }
};

}  // namespace

Product DenseProduct(int64_t m, int64_t n, int64_t k, MatrixForm a_form, MatrixForm b_form,
                     Result result) {
  return {.m = m,
          .n = n,
          .k = k,
          .a_form = a_form,
          .b_form = b_form,
          .a_stride = a_form == MatrixForm::kPlain ? k : m,
          .b_stride = b_form == MatrixForm::kPlain ? n : k,
          .c_stride = n,
          .result = result};
}

std::unique_ptr<LinearAlgebra> MakePlainLinearAlgebra() {
  return std::make_unique<PlainLinearAlgebra>();
}

#ifndef PPRUN_ONEDNN
std::unique_ptr<LinearAlgebra> MakeLinearAlgebra(int /*threads*/) {
  return MakePlainLinearAlgebra();
}
#endif

}  // namespace pprun::kernels
