// Matrix products on CUDA: row-major, as linear_algebra.h states them, of f32 or bf16 operands,
// sums in f32. cuBLASLt computes them and is column-major; the one place that turns one into the
// other is ColumnMajorOf. Tests: cuda_products_test.cc, gpu/kernels_check.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/plan/types.h"
#include "kernels/linear_algebra.h"

namespace pprun::kernels {

struct CudaQueue;

// NVIDIA's advice for Hopper; the most that an algorithm may take.
inline constexpr int64_t kProductWorkspace = int64_t{32} << 20;

struct CudaProduct {
  Product product;
  DType operands = DType::kF32;  // of A and B: f32 or bf16
  DType result = DType::kF32;    // of C and the bias: f32, or the operands' type
  // What becomes of the sum before it is C: nothing; what is in `aux` is added; gelu_tanh, with the
  // sum itself in `aux`; or times gelu_tanh's derivative at what is in `aux`. kBiasGrad leaves C as
  // it is and writes the sums of op(A) over k to `aux`: of dy^T x, the gradient of the bias.
  enum class Epilogue : uint8_t {
    kNone,
    kAdd,
    kGeluTanh,
    kGeluTanhGrad,
    kBiasGrad
  } epilogue = Epilogue::kNone;
};

// What a queue sums the gradient of a bias by: the product that makes the weight's, where the
// library can, or a kernel of our own.
enum class BiasGradPolicy : uint8_t { kEpilogue, kColumnSums };

// The same product as column-major libraries see it: D[m, n] = op(first)[m, k] op(second)[k, n],
// where `first` is our B, `second` our A and D our C, each in the memory that it already has.
struct ColumnMajorProduct {
  MatrixForm first_form = MatrixForm::kPlain;
  MatrixForm second_form = MatrixForm::kPlain;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  // From the start of one stored column to the next.
  int64_t first_stride = 0;
  int64_t second_stride = 0;
  int64_t result_stride = 0;
};
ColumnMajorProduct ColumnMajorOf(const Product& product);

class CudaProducts {
 public:
  virtual ~CudaProducts() = default;
  // `bias`, of n elements, is added to every row; it may be null, and must be when accumulating.
  // The bits depend on the operands, their sizes, their alignment and the GPU alone.
  virtual void Multiply(const CudaQueue& queue, const CudaProduct& product, const void* a,
                        const void* b, const void* bias, void* c) = 0;
  // The same with an epilogue; `aux` is of C's type and size, for kBiasGrad of m elements. False,
  // and nothing done, where there is no such product of these sizes, types and addresses.
  virtual bool TryMultiply(const CudaQueue& queue, const CudaProduct& product, const void* a,
                           const void* b, const void* bias, void* aux, void* c) = 0;
  // A line for each product with an epilogue that was asked for: what serves it, or why nothing.
  virtual std::vector<std::string> Decisions() const = 0;
};

// Through cuBLASLt, on the current device.
std::unique_ptr<CudaProducts> MakeCudaProducts();

}  // namespace pprun::kernels
