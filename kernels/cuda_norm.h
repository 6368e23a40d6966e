// What layer_norm_cuda.cu and rms_norm_cuda.cu share: a block takes a row, a thread every
// blockDim-th piece of it. A thread keeps its first piece in registers; only rows of more pieces
// than a block has threads are read again, from the cache. Included by *_cuda.cu only. Tests:
// gpu/kernels_check.cc.
#pragma once

#include <type_traits>

#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {

inline constexpr int kNormThreads = 512;
inline constexpr int kNormWarps = kNormThreads / kWarp;

// Pieces of one row of `columns` elements.
template <int kWidth, class T>
class RowPieces {
 public:
  __device__ RowPieces(const T* row, int64_t columns) : row_(row) {
    if (First() < columns) Load(row + First(), held_);
  }
  // The row is a + b, rounded to T, and is written to `row` first; the rest of it is read again by
  // the thread that wrote it.
  __device__ RowPieces(const T* a, const T* b, T* row, int64_t columns) : row_(row) {
    float sum[kWidth];
    float also[kWidth];
    for (int64_t at = First(); at < columns; at += Step()) {
      Load(a + at, sum);
      Load(b + at, also);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        sum[i] = ToFloat(FromFloat<T>(sum[i] + also[i]));
        if (at == First()) held_[i] = sum[i];
      }
      Store(row + at, sum);
    }
  }
  static __device__ int64_t First() { return static_cast<int64_t>(threadIdx.x) * kWidth; }
  static __device__ int64_t Step() { return static_cast<int64_t>(blockDim.x) * kWidth; }

  __device__ void Get(int64_t at, float (&to)[kWidth]) const {
    if (at == First()) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) to[i] = held_[i];
    } else {
      Load(row_ + at, to);
    }
  }

 private:
  const T* row_;
  float held_[kWidth];
};

// Adds what reaches the gradient by another way, if anything does.
template <int kWidth, class T>
__device__ __forceinline__ void AddPassed(const T* passed, int64_t at, float (&to)[kWidth]) {
  if (passed == nullptr) return;
  float also[kWidth];
  Load(passed + at, also);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) to[i] += also[i];
}

// Where a norm's rows come from: memory, or the sum of two tensors, which is kept in `sum`.
template <class T>
struct StoredRows {
  const T* x;

  template <int kWidth>
  __device__ RowPieces<kWidth, T> Row(int64_t row, int64_t columns) const {
    return {x + row * columns, columns};
  }
};

template <class T>
struct AddedRows {
  const T* a;
  const T* b;
  T* sum;

  template <int kWidth>
  __device__ RowPieces<kWidth, T> Row(int64_t row, int64_t columns) const {
    return {a + row * columns, b + row * columns, sum + row * columns, columns};
  }
};

// Calls body(T{}, W{}) with the types of activations and of the norm's weights, which may be f32
// beside bf16 activations.
template <class Body>
void WithNormElements(const char* what, std::initializer_list<const Tensor*> activations,
                      std::initializer_list<const Tensor*> weights, const Body& body) {
  WithElement(what, activations, [&](auto element) {
    using T = decltype(element);
    WithElement(what, weights, [&](auto weight) {
      using W = decltype(weight);
      if constexpr (std::is_same_v<T, float> && std::is_same_v<W, Bfloat16>) {
        RequireType(what, **weights.begin(), DType::kF32);
      } else {
        body(T{}, W{});
      }
    });
  });
}

template <int kCount>
struct WidthOf {
  static constexpr int kWidth = kCount;
};

// Calls body(WidthOf<n>) with the elements that a thread takes at a time.
template <class T, class Body>
void WithNormWidth(int64_t columns, std::initializer_list<const void*> operands, const Body& body) {
  if (columns % kVector<T> == 0 && AreAligned(operands)) {
    body(WidthOf<kVector<T>>{});
  } else {
    body(WidthOf<1>{});
  }
}

}  // namespace pprun::kernels
