#include "kernels/cuda_products.h"

namespace pprun::kernels {

// A row-major matrix is, in the same memory, the column-major transpose of itself, and
// (op(A) op(B))^T = op(B)^T op(A)^T: so the operands change places, each keeps its form, and
// nothing is transposed in memory.
ColumnMajorProduct ColumnMajorOf(const Product& product) {
  return {.first_form = product.b_form,
          .second_form = product.a_form,
          .m = product.n,
          .n = product.m,
          .k = product.k,
          .first_stride = product.b_stride,
          .second_stride = product.a_stride,
          .result_stride = product.c_stride};
}

}  // namespace pprun::kernels
