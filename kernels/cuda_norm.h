// What layer_norm_cuda.cu and rms_norm_cuda.cu share: who takes a row, and how much of it a thread
// keeps. A warp takes a row of up to 4 KiB and keeps all of it, as it lies in memory: no barriers,
// every load of the row under way at once, and rows in work beside each other wherever a warp fits.
// Wider rows, and rows that do not start on 16 bytes, are taken by a block each, of which a thread
// keeps its first piece; what is left is read again, from the cache. Included by *_cuda.cu only.
// Tests: gpu/kernels_check.cc, cuda_geometry_test.cc.
#pragma once

#include <type_traits>

#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {

inline constexpr int kNormThreads = 512;
inline constexpr int kNormWarps = kNormThreads / kWarp;

// kPieces of 16 bytes are what a thread keeps.
template <int kPieces>
struct WarpOfRow {
  static constexpr int kThreads = kRowWarps * kWarp;
  static constexpr int kHeld = kPieces;
  static constexpr bool kHoldsAll = true;

  static __device__ int64_t Row() {
    return static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / kWarp;
  }
  static __device__ int64_t RowStep() { return static_cast<int64_t>(gridDim.x) * kRowWarps; }
  static __device__ int Lane() { return static_cast<int>(threadIdx.x) % kWarp; }
  static __device__ int Lanes() { return kWarp; }
  static __device__ float Sum(float value) { return WarpSum(value); }
};

struct BlockOfRow {
  static constexpr int kThreads = kNormThreads;
  static constexpr int kHeld = 1;
  static constexpr bool kHoldsAll = false;

  static __device__ int64_t Row() { return blockIdx.x; }
  static __device__ int64_t RowStep() { return gridDim.x; }
  static __device__ int Lane() { return static_cast<int>(threadIdx.x); }
  static __device__ int Lanes() { return static_cast<int>(blockDim.x); }
  static __device__ float Sum(float value) {
    __shared__ float parts[kNormWarps];
    return BlockSum(value, parts);
  }
};

// A thread's part of a row: kWidth elements of every Team::Lanes() * kWidth.
template <class Team, int kWidth, class T>
class RowPieces {
 public:
  static __device__ int64_t At(int piece) {
    return (static_cast<int64_t>(piece) * Team::Lanes() + Team::Lane()) * kWidth;
  }

  // Calls body(piece, at) for each of them, which starts at element `at` of the row.
  template <class Body>
  static __device__ __forceinline__ void ForEach(int64_t columns, const Body& body) {
    if constexpr (Team::kHoldsAll) {
#pragma unroll
      for (int piece = 0; piece < Team::kHeld; ++piece) {
        if (At(piece) < columns) body(piece, At(piece));
      }
    } else {
      for (int piece = 0; At(piece) < columns; ++piece) body(piece, At(piece));
    }
  }

  __device__ RowPieces(const T* row, int64_t columns) : row_(row) {
#pragma unroll
    for (int piece = 0; piece < Team::kHeld; ++piece) {
      if (At(piece) < columns) held_[piece].LoadFrom(row + At(piece));
    }
  }
  // The row is a + b, rounded to T, and is written to `row` first; what is not kept of it is read
  // again by the thread that wrote it.
  __device__ RowPieces(const T* a, const T* b, T* row, int64_t columns) : RowPieces(a, columns) {
    const RowPieces also(b, columns);
    row_ = row;
#pragma unroll
    for (int piece = 0; piece < Team::kHeld; ++piece) {
      if (At(piece) >= columns) continue;
      Add(also.held_[piece], held_[piece]);
      held_[piece].StoreTo(row + At(piece));
    }
    if constexpr (!Team::kHoldsAll) {
      for (int piece = Team::kHeld; At(piece) < columns; ++piece) {
        Piece<kWidth, T> sum;
        Piece<kWidth, T> other;
        sum.LoadFrom(a + At(piece));
        other.LoadFrom(b + At(piece));
        Add(other, sum);
        sum.StoreTo(row + At(piece));
      }
    }
  }

  // `piece` is a constant wherever the pieces are kept.
  __device__ void Get(int piece, float (&to)[kWidth]) const {
    if (Team::kHoldsAll || piece < Team::kHeld) {
      held_[Team::kHoldsAll ? piece : 0].Get(to);
    } else {
      Load(row_ + At(piece), to);
    }
  }

 private:
  static __device__ void Add(const Piece<kWidth, T>& other, Piece<kWidth, T>& to) {
    float sum[kWidth];
    float also[kWidth];
    to.Get(sum);
    other.Get(also);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] += also[i];
    to.Set(sum);
  }

  const T* row_;
  Piece<kWidth, T> held_[Team::kHeld];
};

// Where a norm's rows come from: memory, or the sum of two tensors, which is kept in `sum`.
template <class T>
struct StoredRows {
  const T* x;

  template <class Team, int kWidth>
  __device__ RowPieces<Team, kWidth, T> Row(int64_t row, int64_t columns) const {
    return {x + row * columns, columns};
  }
};

template <class T>
struct AddedRows {
  const T* a;
  const T* b;
  T* sum;

  template <class Team, int kWidth>
  __device__ RowPieces<Team, kWidth, T> Row(int64_t row, int64_t columns) const {
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

template <class RowTeam, int kCount>
struct NormLayout {
  using Team = RowTeam;
  static constexpr int kWidth = kCount;
  Geometry geometry;
};

// Calls body(NormLayout) with who takes a row, and the elements that a thread takes at a time.
template <class T, class Body>
void WithNormLayout(int64_t rows, int64_t columns, std::initializer_list<const void*> operands,
                    const Body& body) {
  constexpr int kWidth = kVector<T>;
  if (columns % kWidth != 0 || !AreAligned(operands)) {
    body(NormLayout<BlockOfRow, 1>{RowGeometry(rows, columns, 1, kNormThreads)});
  } else if (columns <= 4 * kWarp * kWidth) {
    body(NormLayout<WarpOfRow<4>, kWidth>{WarpRowGeometry(rows)});
  } else if (columns <= 8 * kWarp * kWidth) {
    body(NormLayout<WarpOfRow<8>, kWidth>{WarpRowGeometry(rows)});
  } else {
    body(NormLayout<BlockOfRow, kWidth>{RowGeometry(rows, columns, kWidth, kNormThreads)});
  }
}

}  // namespace pprun::kernels
