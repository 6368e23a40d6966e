// oneDNN's matrix product (API v2). A primitive is compiled for its shape once and kept: the shapes
// of a plan are few, so after the first microbatch nothing is built.
//
// Threads are ours, not the library's: it would split k among them where m and n are small, which
// changes bits. C is cut into bands of rows or columns, and each worker computes its band as one
// thread, with primitives, a stream and scratch memory of its own.
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"
#include "kernels/linear_algebra.h"

namespace pprun::kernels {
namespace {

using dnnl::memory;

// Bands begin at multiples of it and have at least as many rows: whole tiles of the library's
// kernels.
constexpr int64_t kBandUnit = 64;

memory::data_type TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return memory::data_type::f32;
    case DType::kBF16:
      return memory::data_type::bf16;
    case DType::kF64:
    case DType::kI32:
      break;
  }
  CHECK(false);
}

memory::desc Stored(int64_t rows, int64_t columns, MatrixForm form, int64_t stride, DType dtype) {
  const memory::dims strides =
      form == MatrixForm::kPlain ? memory::dims{stride, 1} : memory::dims{1, stride};
  return {memory::dims{rows, columns}, TypeOf(dtype), strides};
}

// A primitive and the memory objects that it runs on; only their pointers change from call to call.
struct Prepared {
  dnnl::matmul primitive;
  memory a, b, bias, c;
  std::unordered_map<int, memory> arguments;
};

// One thread's part of the library, which is touched when there is something to multiply: most
// streams only send.
class Worker {
 public:
  void Multiply(const Product& product, const void* a, const void* b, const void* bias, void* c) {
    // The setting is the calling thread's own; oneDNN reads it when it compiles a primitive and
    // when it runs one.
    omp_set_num_threads(1);
    Prepared& prepared = Prepare(product, bias);
    prepared.a.set_data_handle(const_cast<void*>(a));
    prepared.b.set_data_handle(const_cast<void*>(b));
    if (bias != nullptr) prepared.bias.set_data_handle(const_cast<void*>(bias));
    prepared.c.set_data_handle(c);
    prepared.primitive.execute(library_->stream, prepared.arguments);
    library_->stream.wait();
  }

 private:
  Prepared& Prepare(const Product& product, const void* bias_data) {
    const bool has_bias = bias_data != nullptr;
    const auto [entry, is_new] = prepared_.try_emplace({product, has_bias});
    Prepared& prepared = entry->second;
    if (!is_new) return prepared;
    if (!library_) library_.emplace();
    const dnnl::engine& engine = library_->engine;
    const DType dtype = product.operands;
    const memory::desc a = Stored(product.m, product.k, product.a_form, product.a_stride, dtype);
    const memory::desc b = Stored(product.k, product.n, product.b_form, product.b_stride, dtype);
    const memory::desc c =
        Stored(product.m, product.n, MatrixForm::kPlain, product.c_stride, product.c);
    const memory::desc bias = Stored(1, product.n, MatrixForm::kPlain, product.n, dtype);
    dnnl::primitive_attr attributes;
    // The library's own scratch memory belongs to the thread that compiled the primitive and is
    // shared among them.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (product.result == Result::kAccumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::desc operation =
        has_bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
    const dnnl::matmul::primitive_desc description(operation, attributes, engine);
    prepared.primitive = dnnl::matmul(description);
    prepared.a = memory(a, engine, nullptr);
    prepared.b = memory(b, engine, nullptr);
    prepared.c = memory(c, engine, nullptr);
    prepared.arguments = {{DNNL_ARG_SRC, prepared.a},
                          {DNNL_ARG_WEIGHTS, prepared.b},
                          {DNNL_ARG_DST, prepared.c},
                          {DNNL_ARG_SCRATCHPAD, memory(description.scratchpad_desc(), engine)}};
    if (has_bias) {
      prepared.bias = memory(bias, engine, nullptr);
      prepared.arguments.emplace(DNNL_ARG_BIAS, prepared.bias);
    }
    return prepared;
  }

  struct Library {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
  };

  std::optional<Library> library_;
  std::map<std::pair<Product, bool>, Prepared> prepared_;
};

// How many bands of rows the sizes give, whoever computes them. The library repacks B for each
// band, which bands of 256 rows make cheap; fewer rows are cut into up to four bands all the same,
// so that a few threads have work.
int64_t Bands(const Product& product) {
  constexpr int64_t kCheapRows = 256;
  constexpr int64_t kFewThreads = 4;
  // Multiplications below which a band costs more to hand out than it saves.
  constexpr int64_t kGrain = int64_t{1} << 19;
  const int64_t units = product.m / kBandUnit;
  const int64_t bands = std::max(product.m / kCheapRows, std::min(units, kFewThreads));
  return std::max<int64_t>(1, std::min(bands, product.m * product.n * product.k / kGrain));
}

// Whether the processor has more for bf16 than the library's reference loops, or anything at all.
bool OffersBfloat16() {
  const memory::desc matrix =
      Stored(kBandUnit, kBandUnit, MatrixForm::kPlain, kBandUnit, DType::kBF16);
  try {
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(matrix, matrix, matrix),
                                                   dnnl::engine(dnnl::engine::kind::cpu, 0));
    return std::string_view(description.impl_info_str()).find("ref") == std::string_view::npos;
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented) return false;
    throw;
  }
}

// Asked once: it is the processor's.
bool HasBfloat16() {
  static const bool has = OffersBfloat16();
  return has;
}

class OneDnnLinearAlgebra : public LinearAlgebra {
 public:
  explicit OneDnnLinearAlgebra(int threads) : workers_(static_cast<size_t>(threads)) {}

  bool Multiplies(DType operands) const override {
    return operands == DType::kF32 || (operands == DType::kBF16 && has_bfloat16_);
  }

  void Multiply(const Product& product, const void* a, const void* b, const void* bias,
                void* c) override {
    const int64_t bands = Bands(product);
    const int threads = static_cast<int>(std::min(static_cast<int64_t>(workers_.size()), bands));
    if (threads == 1) return MultiplyBands({0, bands, bands}, product, a, b, bias, c, workers_[0]);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int worker = 0; worker < threads; ++worker) {
      MultiplyBands({bands * worker / threads, bands * (worker + 1) / threads, bands}, product, a,
                    b, bias, c, workers_[static_cast<size_t>(worker)]);
    }
  }

 private:
  // Bands [begin, end) of `all`.
  struct BandRange {
    int64_t begin;
    int64_t end;
    int64_t all;
  };

  static void MultiplyBands(const BandRange& range, const Product& product, const void* a,
                            const void* b, const void* bias, void* c, Worker& worker) {
    const int64_t units = product.m / kBandUnit;
    const int64_t a_step =
        SizeOf(product.operands) * (product.a_form == MatrixForm::kPlain ? product.a_stride : 1);
    const int64_t c_step = SizeOf(product.c) * product.c_stride;
    for (int64_t band = range.begin; band < range.end; ++band) {
      const int64_t first = units * band / range.all * kBandUnit;
      const int64_t end =
          band + 1 == range.all ? product.m : units * (band + 1) / range.all * kBandUnit;
      Product part = product;
      part.m = end - first;
      worker.Multiply(part, static_cast<const std::byte*>(a) + first * a_step, b, bias,
                      static_cast<std::byte*>(c) + first * c_step);
    }
  }

  std::vector<Worker> workers_;
  const bool has_bfloat16_ = HasBfloat16();
};

}  // namespace

std::unique_ptr<LinearAlgebra> MakeOneDnnLinearAlgebra(int threads) {
  return std::make_unique<OneDnnLinearAlgebra>(threads);
}

std::unique_ptr<LinearAlgebra> MakeLinearAlgebra(int threads) {
  return MakeOneDnnLinearAlgebra(threads);
}

}  // namespace pprun::kernels
