// cuBLASLt's matrix product. The descriptors and the algorithm of each shape are made once and
// kept: the library's first suggestion that fits, no timing, so that the choice depends on the
// sizes, the alignment and the GPU alone and two runs give the same bits. Algorithms that add up
// parts of k must do so in f32 in the workspace, in an order of their own: never by atomics, never
// in bf16. f32 operands are multiplied as f32, not as TF32. How the sums of a bias's gradient are
// added up is documented for no algorithm; what holds for them is the library's promise for all its
// routines, the same bits from the same library on the same GPU. Tests: gpu/kernels_check.cc.
#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "compiler/plan/base/check.h"
#include "kernels/cuda_products.h"
#include "kernels/cuda_queue.h"

namespace pprun::kernels {
namespace {

void CheckLt(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw std::runtime_error("`" + std::string(what) +
                           "` failed: " + cublasLtGetStatusString(status));
}

// Owns one of the library's objects.
template <class Object, cublasStatus_t (*destroy)(Object)>
class Owned {
 public:
  Owned() = default;
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owned() {
    if (object_ != nullptr) destroy(object_);
  }
  Object get() const { return object_; }
  Object* out() { return &object_; }

 private:
  Object object_ = nullptr;
};

using Handle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using Operation = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return CUDA_R_32F;
    case DType::kBF16:
      return CUDA_R_16BF;
    case DType::kF64:
    case DType::kI32:
      break;
  }
  throw std::runtime_error("products on CUDA are of f32 or bf16, not of " +
                           std::string(Name(dtype)));
}

cublasOperation_t FormOf(MatrixForm form) {
  return form == MatrixForm::kPlain ? CUBLAS_OP_N : CUBLAS_OP_T;
}

// The largest power of two, up to 256, that divides the address: what an algorithm may rely on.
uint32_t AlignmentOf(const void* pointer) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer) | 256U;
  return static_cast<uint32_t>(address & (~address + 1));
}

// What the choice of an algorithm depends on.
struct Key {
  Product product;
  DType operands = DType::kF32;
  DType result = DType::kF32;
  std::array<uint32_t, 3> alignment{};  // A, B, C
  uint32_t bias_alignment = 0;          // 0: no bias
  uint32_t aux_alignment = 0;           // 0: no epilogue
  CudaProduct::Epilogue epilogue = CudaProduct::Epilogue::kNone;
  auto operator<=>(const Key&) const = default;
};

struct Prepared {
  Operation operation;
  Layout first, second, result;
  cublasLtMatmulAlgo_t algorithm{};
  size_t workspace = 0;
  // Why the library does not compute it.
  std::string refusal;
};

// `rows` and `columns` of the matrix as it is stored, column-major.
Layout MakeLayout(DType dtype, int64_t rows, int64_t columns, int64_t stride) {
  Layout layout;
  CheckLt(cublasLtMatrixLayoutCreate(layout.out(), TypeOf(dtype), static_cast<uint64_t>(rows),
                                     static_cast<uint64_t>(columns), stride),
          "cublasLtMatrixLayoutCreate");
  return layout;
}

template <class Value>
void Set(const Operation& operation, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  CheckLt(cublasLtMatmulDescSetAttribute(operation.get(), attribute, &value, sizeof(value)),
          "cublasLtMatmulDescSetAttribute");
}

template <class Value>
void Set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const Value& value) {
  CheckLt(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
}

// In the workspace, in f32, or not at all.
constexpr uint32_t kReductions =
    CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

// The mask of the preference is a request; this is the answer.
bool IsDeterministic(const cublasLtMatmulAlgo_t& algorithm) {
  uint32_t scheme = 0;
  size_t written = 0;
  CheckLt(cublasLtMatmulAlgoConfigGetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME,
                                               &scheme, sizeof(scheme), &written),
          "cublasLtMatmulAlgoConfigGetAttribute");
  return (scheme & ~kReductions) == 0;
}

// An algorithm that fits, or a refusal.
void ChooseAlgorithm(cublasLtHandle_t handle, const Key& key, Prepared& prepared) {
  Preference preference;
  CheckLt(cublasLtMatmulPreferenceCreate(preference.out()), "cublasLtMatmulPreferenceCreate");
  Set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
      static_cast<uint64_t>(kProductWorkspace));
  Set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kReductions);
  // The library's A is our B.
  Set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.alignment[1]);
  Set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.alignment[0]);
  const bool adds = key.epilogue == CudaProduct::Epilogue::kAdd;
  Set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
      adds ? key.aux_alignment : key.alignment[2]);
  Set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.alignment[2]);
  std::array<cublasLtMatmulHeuristicResult_t, 16> results{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, prepared.operation.get(), prepared.first.get(), prepared.second.get(),
      prepared.result.get(), prepared.result.get(), preference.get(),
      static_cast<int>(results.size()), results.data(), &found);
  for (int i = 0; i < found; ++i) {
    const cublasLtMatmulHeuristicResult_t& result = results[static_cast<size_t>(i)];
    if (result.state != CUBLAS_STATUS_SUCCESS) continue;
    if (result.workspaceSize > static_cast<size_t>(kProductWorkspace)) continue;
    if (!IsDeterministic(result.algo)) continue;
    prepared.algorithm = result.algo;
    prepared.workspace = result.workspaceSize;
    return;
  }
  prepared.refusal = status == CUBLAS_STATUS_SUCCESS
                         ? "none of " + std::to_string(found) + " algorithms adds up in order"
                         : cublasLtGetStatusString(status);
}

cublasLtEpilogue_t EpilogueOf(CudaProduct::Epilogue epilogue, const void* bias) {
  switch (epilogue) {
    case CudaProduct::Epilogue::kNone:
    case CudaProduct::Epilogue::kAdd:
      return bias == nullptr ? CUBLASLT_EPILOGUE_DEFAULT : CUBLASLT_EPILOGUE_BIAS;
    case CudaProduct::Epilogue::kGeluTanh:
      return bias == nullptr ? CUBLASLT_EPILOGUE_GELU_AUX : CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
    case CudaProduct::Epilogue::kGeluTanhGrad:
      return CUBLASLT_EPILOGUE_DGELU;
    case CudaProduct::Epilogue::kBiasGrad:
      // The sums of its B, our A: as many as D has columns, our C rows.
      return CUBLASLT_EPILOGUE_BGRADB;
  }
  CHECK(false);
}

std::string Describe(const Key& key) {
  constexpr std::array<const char*, 5> kNames = {"", "add", "gelu_tanh", "gelu_tanh_grad",
                                                 "bias_grad"};
  const Product& product = key.product;
  return std::string("product with ") + kNames[static_cast<size_t>(key.epilogue)] + " of " +
         std::to_string(product.m) + " x " + std::to_string(product.n) + " x " +
         std::to_string(product.k) + ", " + std::string(Name(key.operands)) + " to " +
         std::string(Name(key.result)) + ", aligned to " +
         std::to_string(*std::ranges::min_element(key.alignment)) + " bytes";
}

std::string Describe(const cublasLtMatmulAlgo_t& algorithm) {
  constexpr std::array<std::pair<cublasLtMatmulAlgoConfigAttributes_t, const char*>, 3> kParts = {
      {{CUBLASLT_ALGO_CONFIG_ID, "algorithm "},
       {CUBLASLT_ALGO_CONFIG_TILE_ID, ", tile "},
       {CUBLASLT_ALGO_CONFIG_SPLITK_NUM, ", parts of k "}}};
  std::string text;
  for (const auto& [attribute, name] : kParts) {
    int32_t value = 0;
    size_t written = 0;
    if (cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof(value),
                                             &written) == CUBLAS_STATUS_SUCCESS) {
      text += name + std::to_string(value);
    }
  }
  return text;
}

// Of the library: what kAdd adds is its C.
bool HasAuxiliaryMatrix(CudaProduct::Epilogue epilogue) {
  return epilogue == CudaProduct::Epilogue::kGeluTanh ||
         epilogue == CudaProduct::Epilogue::kGeluTanhGrad;
}

// What the call at hand has at which address, where the epilogue takes it.
void SetPointers(const Operation& operation, CudaProduct::Epilogue epilogue, const void* bias,
                 void* aux) {
  if (epilogue == CudaProduct::Epilogue::kBiasGrad) {
    Set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, aux);
    return;
  }
  if (bias != nullptr) Set(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  if (HasAuxiliaryMatrix(epilogue)) Set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux);
}

Prepared Prepare(cublasLtHandle_t handle, const Key& key, const void* bias, void* aux) {
  const ColumnMajorProduct shape = ColumnMajorOf(key.product);
  const bool sums_bias = key.epilogue == CudaProduct::Epilogue::kBiasGrad;
  Prepared prepared;
  CheckLt(cublasLtMatmulDescCreate(prepared.operation.out(), CUBLAS_COMPUTE_32F, CUDA_R_32F),
          "cublasLtMatmulDescCreate");
  Set(prepared.operation, CUBLASLT_MATMUL_DESC_TRANSA, FormOf(shape.first_form));
  Set(prepared.operation, CUBLASLT_MATMUL_DESC_TRANSB, FormOf(shape.second_form));
  Set(prepared.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, EpilogueOf(key.epilogue, bias));
  if (bias != nullptr || sums_bias) {
    Set(prepared.operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, TypeOf(key.result));
  }
  if (HasAuxiliaryMatrix(key.epilogue)) {
    Set(prepared.operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, shape.result_stride);
    Set(prepared.operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, TypeOf(key.result));
  }
  SetPointers(prepared.operation, key.epilogue, bias, aux);
  const bool first_plain = shape.first_form == MatrixForm::kPlain;
  const bool second_plain = shape.second_form == MatrixForm::kPlain;
  prepared.first = MakeLayout(key.operands, first_plain ? shape.m : shape.k,
                              first_plain ? shape.k : shape.m, shape.first_stride);
  prepared.second = MakeLayout(key.operands, second_plain ? shape.k : shape.n,
                               second_plain ? shape.n : shape.k, shape.second_stride);
  prepared.result = MakeLayout(key.result, shape.m, shape.n, shape.result_stride);
  ChooseAlgorithm(handle, key, prepared);
  return prepared;
}

class CublasProducts : public CudaProducts {
 public:
  void Multiply(const CudaQueue& queue, const CudaProduct& product, const void* a, const void* b,
                const void* bias, void* c) override {
    CHECK(product.epilogue == CudaProduct::Epilogue::kNone);
    const std::string refusal = Run(queue, product, a, b, bias, nullptr, c);
    if (refusal.empty()) return;
    const Product& sizes = product.product;
    throw std::runtime_error("cuBLASLt has no algorithm for " + std::to_string(sizes.m) + " x " +
                             std::to_string(sizes.n) + " x " + std::to_string(sizes.k) + ", " +
                             std::string(Name(product.operands)) + " to " +
                             std::string(Name(product.result)) + ": " + refusal);
  }

  bool TryMultiply(const CudaQueue& queue, const CudaProduct& product, const void* a, const void* b,
                   const void* bias, void* aux, void* c) override {
    CHECK(product.epilogue != CudaProduct::Epilogue::kNone && aux != nullptr);
    // It has columns of a multiple of 8 elements.
    if (HasAuxiliaryMatrix(product.epilogue) && product.product.c_stride % 8 != 0) return false;
    return Run(queue, product, a, b, bias, aux, c).empty();
  }

  std::vector<std::string> Decisions() const override {
    std::vector<std::string> lines;
    for (const auto& [key, prepared] : prepared_) {
      if (key.epilogue == CudaProduct::Epilogue::kNone) continue;
      lines.push_back(Describe(key) + ": " +
                      (prepared.refusal.empty()
                           ? "cuBLASLt's " + Describe(prepared.algorithm) + ", workspace " +
                                 std::to_string(prepared.workspace) + " bytes"
                           : "kernels of our own, since cuBLASLt says: " + prepared.refusal));
    }
    return lines;
  }

 private:
  // Launches it, or says why it cannot be.
  std::string Run(const CudaQueue& queue, const CudaProduct& product, const void* a, const void* b,
                  const void* bias, void* aux, void* c) {
    const bool accumulates = product.product.result == Result::kAccumulate;
    CHECK(bias == nullptr || !accumulates);
    const Key key = {.product = product.product,
                     .operands = product.operands,
                     .result = product.result,
                     .alignment = {AlignmentOf(a), AlignmentOf(b), AlignmentOf(c)},
                     .bias_alignment = bias == nullptr ? 0 : AlignmentOf(bias),
                     .aux_alignment = aux == nullptr ? 0 : AlignmentOf(aux),
                     .epilogue = product.epilogue};
    // Not before it is needed: most streams carry no product.
    if (handle_.get() == nullptr) CheckLt(cublasLtCreate(handle_.out()), "cublasLtCreate");
    auto entry = prepared_.find(key);
    if (entry == prepared_.end())
      entry = prepared_.emplace(key, Prepare(handle_.get(), key, bias, aux)).first;
    Prepared& prepared = entry->second;
    if (!prepared.refusal.empty()) return prepared.refusal;
    SetPointers(prepared.operation, key.epilogue, bias, aux);
    const float one = 1.0F;
    const bool adds = product.epilogue == CudaProduct::Epilogue::kAdd;
    const float kept = accumulates || adds ? 1.0F : 0.0F;
    void* const workspace = queue.scratch->AtLeast(kProductWorkspace);
    const cublasStatus_t status = cublasLtMatmul(
        handle_.get(), prepared.operation.get(), &one, b, prepared.first.get(), a,
        prepared.second.get(), &kept, adds ? aux : c, prepared.result.get(), c,
        prepared.result.get(), &prepared.algorithm, workspace, prepared.workspace, queue.stream);
    // It suggests what it then does not take: nothing was launched, and there is another way.
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) {
      prepared.refusal = cublasLtGetStatusString(status);
    } else {
      CheckLt(status, "cublasLtMatmul");
    }
    return prepared.refusal;
  }

  Handle handle_;
  std::map<Key, Prepared> prepared_;
};

}  // namespace

std::unique_ptr<CudaProducts> MakeCudaProducts() { return std::make_unique<CublasProducts>(); }

}  // namespace pprun::kernels
