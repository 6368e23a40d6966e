// oneDNN's matrix product (API v2). A primitive is compiled for its shape once and kept: the shapes
// of a plan are few, so after the first microbatch nothing is built.
#include <omp.h>

#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>

#include "kernels/linear_algebra.h"

namespace pprun::kernels {
namespace {

using dnnl::memory;

memory::desc Matrix(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  return {memory::dims{rows, columns}, memory::data_type::f32,
          memory::dims{row_stride, column_stride}};
}

memory::desc Stored(int64_t rows, int64_t columns, MatrixForm form, int64_t stride) {
  return form == MatrixForm::kPlain ? Matrix(rows, columns, stride, 1)
                                    : Matrix(rows, columns, 1, stride);
}

// A primitive and the memory objects that it is run on; only their pointers change from call to
// call.
struct Prepared {
  dnnl::matmul primitive;
  memory a, b, bias, c;
  std::unordered_map<int, memory> arguments;
};

class OneDnnLinearAlgebra : public LinearAlgebra {
 public:
  explicit OneDnnLinearAlgebra(int threads)
      : threads_(threads), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  void Multiply(const Product& product, const float* a, const float* b, const float* bias,
                float* c) override {
    // oneDNN uses the calling thread's OpenMP setting, when it compiles a primitive and when it
    // runs one.
    omp_set_num_threads(threads_);
    Prepared& prepared = Prepare(product, bias);
    prepared.a.set_data_handle(const_cast<float*>(a));
    prepared.b.set_data_handle(const_cast<float*>(b));
    if (bias != nullptr) prepared.bias.set_data_handle(const_cast<float*>(bias));
    prepared.c.set_data_handle(c);
    prepared.primitive.execute(stream_, prepared.arguments);
    stream_.wait();
  }

 private:
  Prepared& Prepare(const Product& product, const float* bias_data) {
    const bool has_bias = bias_data != nullptr;
    const auto [entry, is_new] = prepared_.try_emplace({product, has_bias});
    Prepared& prepared = entry->second;
    if (!is_new) return prepared;
    const memory::desc a = Stored(product.m, product.k, product.a_form, product.a_stride);
    const memory::desc b = Stored(product.k, product.n, product.b_form, product.b_stride);
    const memory::desc c = Stored(product.m, product.n, MatrixForm::kPlain, product.c_stride);
    const memory::desc bias = Matrix(1, product.n, product.n, 1);
    dnnl::primitive_attr attributes;
    if (product.result == Result::kAccumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::desc operation =
        has_bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
    prepared.primitive = dnnl::matmul(dnnl::matmul::primitive_desc(operation, attributes, engine_));
    prepared.a = memory(a, engine_, nullptr);
    prepared.b = memory(b, engine_, nullptr);
    prepared.c = memory(c, engine_, nullptr);
    prepared.arguments = {
        {DNNL_ARG_SRC, prepared.a}, {DNNL_ARG_WEIGHTS, prepared.b}, {DNNL_ARG_DST, prepared.c}};
    if (has_bias) {
      prepared.bias = memory(bias, engine_, nullptr);
      prepared.arguments.emplace(DNNL_ARG_BIAS, prepared.bias);
    }
    return prepared;
  }

  int threads_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::map<std::pair<Product, bool>, Prepared> prepared_;
};

}  // namespace

std::unique_ptr<LinearAlgebra> MakeOneDnnLinearAlgebra(int threads) {
  return std::make_unique<OneDnnLinearAlgebra>(threads);
}

std::unique_ptr<LinearAlgebra> MakeLinearAlgebra(int threads) {
  return MakeOneDnnLinearAlgebra(threads);
}

}  // namespace pprun::kernels
