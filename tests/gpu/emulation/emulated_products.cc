// Products on the emulated GPU: a plain column-major product, as cuBLASLt computes it, of what
// ColumnMajorOf says. Tests: gpu/kernels_check.cc.
#include <cstring>

#include "compiler/plan/base/check.h"
#include "kernels/cuda_products.h"
#include "kernels/cuda_queue.h"
#include "kernels/formulas/activation.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun::kernels {
namespace {

float ElementAt(const void* matrix, DType dtype, int64_t index) {
  if (dtype == DType::kBF16) return FloatOfBfloat16(static_cast<const uint16_t*>(matrix)[index]);
  return static_cast<const float*>(matrix)[index];
}

void Put(void* matrix, DType dtype, int64_t index, float value) {
  if (dtype == DType::kBF16) {
    static_cast<uint16_t*>(matrix)[index] = BitsOfBfloat16(value);
  } else {
    static_cast<float*>(matrix)[index] = value;
  }
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
    Append(queue, product, a, b, bias, nullptr, c);
  }

  // As the library: where a row of C is a multiple of 8 elements.
  bool TryMultiply(const CudaQueue& queue, const CudaProduct& product, const void* a, const void* b,
                   const void* bias, void* aux, void* c) override {
    if (product.product.c_stride % 8 != 0) return false;
    Append(queue, product, a, b, bias, aux, c);
    return true;
  }

  std::vector<std::string> Decisions() const override { return {}; }

 private:
  static void Append(const CudaQueue& queue, const CudaProduct& product, const void* a,
                     const void* b, const void* bias, void* aux, void* c) {
    std::byte* const workspace = queue.scratch->AtLeast(kProductWorkspace);
    queue.stream->Do([=] {
      // What lies where the library works is lost, be it read or written; both ends of it stand for
      // all.
      const auto work = [=] {
        constexpr size_t kEnd = 256;
        std::memset(workspace, 0xFF, kEnd);
        std::memset(workspace + kProductWorkspace - kEnd, 0xFF, kEnd);
      };
      work();
      Compute(product, a, b, bias, aux, c);
      work();
      return cudaSuccess;
    });
  }

  static void Compute(const CudaProduct& product, const void* a, const void* b, const void* bias,
                      void* aux, void* c) {
    const ColumnMajorProduct shape = ColumnMajorOf(product.product);
    const bool accumulates = product.product.result == Result::kAccumulate;
    if (product.epilogue == CudaProduct::Epilogue::kBiasGrad) SumSecond(product, shape, a, aux);
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
        float value = static_cast<float>(sum);
        if (product.epilogue == CudaProduct::Epilogue::kAdd) {
          value = static_cast<float>(sum + static_cast<double>(ElementAt(aux, product.result, to)));
        } else if (product.epilogue == CudaProduct::Epilogue::kGeluTanh) {
          Put(aux, product.result, to, value);
          value = GeluTanh(value);
        } else if (product.epilogue == CudaProduct::Epilogue::kGeluTanhGrad) {
          value = GeluTanhGrad(ElementAt(aux, product.result, to), value);
        }
        Put(c, product.result, to, value);
      }
    }
  }

  // One sum over k for each column of D.
  static void SumSecond(const CudaProduct& product, const ColumnMajorProduct& shape, const void* a,
                        void* aux) {
    for (int64_t column = 0; column < shape.n; ++column) {
      double sum = 0;
      for (int64_t k = 0; k < shape.k; ++k) {
        sum += static_cast<double>(ElementAt(
            a, product.operands, IndexOf(shape.second_form, shape.second_stride, k, column)));
      }
      Put(aux, product.result, column, static_cast<float>(sum));
    }
  }
};

}  // namespace

std::unique_ptr<CudaProducts> MakeCudaProducts() { return std::make_unique<EmulatedProducts>(); }

}  // namespace pprun::kernels
