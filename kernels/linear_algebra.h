// Matrix products behind a wall: oneDNN where it is built in, plain loops elsewhere and as the
// reference everywhere. One object belongs to one worker thread, which alone calls it. Tests:
// linear_algebra_test.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>

#include "compiler/plan/types.h"

namespace pprun::kernels {

enum class MatrixForm : uint8_t { kPlain, kTransposed };
enum class Result : uint8_t { kOverwrite, kAccumulate };

// C[m, n] (= | +=) op(A)[m, k] op(B)[k, n], row-major. A transposed operand is stored as [k, m] or
// [n, k]. Sums are f32 whatever the types.
struct Product {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  MatrixForm a_form = MatrixForm::kPlain;
  MatrixForm b_form = MatrixForm::kPlain;
  // Elements from the start of one stored row to the next.
  int64_t a_stride = 0;
  int64_t b_stride = 0;
  int64_t c_stride = 0;
  Result result = Result::kOverwrite;
  DType operands = DType::kF32;  // of A, B and the bias: f32, or bf16 where Multiplies() says so
  DType c = DType::kF32;         // f32, or that of the operands

  auto operator<=>(const Product&) const = default;
};

// A product of dense matrices: the strides follow from the sizes.
Product DenseProduct(int64_t m, int64_t n, int64_t k, MatrixForm a_form, MatrixForm b_form,
                     Result result);

class LinearAlgebra {
 public:
  virtual ~LinearAlgebra() = default;

  // Whether operands may be of this type.
  virtual bool Multiplies(DType operands) const = 0;
  // `bias`, of n elements, is added to every row; it may be null. The bits depend on the operands,
  // their sizes and the processor, never on the number of threads.
  virtual void Multiply(const Product& product, const void* a, const void* b, const void* bias,
                        void* c) = 0;
};

// One thread; every element is a sum in ascending k, which starts from the bias or, accumulating,
// from C.
std::unique_ptr<LinearAlgebra> MakePlainLinearAlgebra();

// Compiled only with PPRUN_ONEDNN.
std::unique_ptr<LinearAlgebra> MakeOneDnnLinearAlgebra(int threads);

// The best that is built in.
std::unique_ptr<LinearAlgebra> MakeLinearAlgebra(int threads);

}  // namespace pprun::kernels
