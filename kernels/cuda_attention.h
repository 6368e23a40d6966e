// What the attention kernels share: which part of the tensors a block works on, and the launchers
// of the two implementations.
//
// A block takes a tile of queries (forward, dQ) or of keys (dK and dV) of one head of one sample
// and goes through the tiles of the other side that it sees. dQ is computed apart from dK and dV,
// so that every element has one owner and no atomics are needed: scores are computed twice, and the
// result is the same bits every time. Included by attention*_cuda.cu only. Tests:
// gpu/kernels_check.cc.
#pragma once

#include "kernels/attention.h"
#include "kernels/attention_sizes.h"
#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {

struct AttentionForwardCall {
  AttentionSizes sizes;
  Tensor qkv, y, lse;
};

struct AttentionGradCall {
  AttentionSizes sizes;
  Tensor qkv, lse, dy, dqkv;
  const float* dots;  // D, f32[b, h, s]
};

// By multiplications and additions of floats: f32, and bf16 of any head width up to 256.
void LaunchAttentionByFloats(const CudaQueue& queue, const AttentionForwardCall& call);
void LaunchAttentionGradByFloats(const CudaQueue& queue, const AttentionGradCall& call);
// By matrix instructions: bf16, head widths up to 128.
void LaunchAttentionByMatrices(const CudaQueue& queue, const AttentionForwardCall& call);
void LaunchAttentionGradByMatrices(const CudaQueue& queue, const AttentionGradCall& call);

inline constexpr int64_t kMostHeadWidth = 256;
inline constexpr int64_t kMostMatrixHeadWidth = 128;

// One tile of one head of one sample. Late tiles of queries see the most keys, and early tiles of
// keys the most queries; those come first, so that the last blocks are short ones.
struct AttentionUnit {
  int64_t sample;
  int64_t head;
  int64_t tile;
};
enum class TileOrder : uint8_t { kAscending, kDescending };

__device__ __forceinline__ AttentionUnit UnitOf(int64_t block, int64_t samples, int64_t heads,
                                                int64_t tiles, TileOrder order) {
  const int64_t tile = block / (samples * heads);
  const int64_t rest = block - tile * samples * heads;
  const int64_t sample = rest / heads;
  return {sample, rest - sample * heads, order == TileOrder::kAscending ? tile : tiles - 1 - tile};
}

// Where one head's rows are: `stride` elements from one position to the next.
template <class T>
struct HeadRows {
  T* first;
  int64_t stride;
};

template <class T>
__device__ __forceinline__ HeadRows<T> QueryRows(const AttentionSizes& sizes, T* packed,
                                                 int64_t sample, int64_t head) {
  return {packed + sample * sizes.positions * sizes.qkv_width + head * sizes.head_width,
          sizes.qkv_width};
}
template <class T>
__device__ __forceinline__ HeadRows<T> KeyRows(const AttentionSizes& sizes, T* packed,
                                               int64_t sample, int64_t kv_head) {
  return QueryRows(sizes, packed, sample, sizes.heads + kv_head);
}
template <class T>
__device__ __forceinline__ HeadRows<T> ValueRows(const AttentionSizes& sizes, T* packed,
                                                 int64_t sample, int64_t kv_head) {
  return QueryRows(sizes, packed, sample, sizes.heads + sizes.kv_heads + kv_head);
}
// Of y and dy.
template <class T>
__device__ __forceinline__ HeadRows<T> OutputRows(const AttentionSizes& sizes, T* y, int64_t sample,
                                                  int64_t head) {
  return {y + sample * sizes.positions * sizes.y_width + head * sizes.head_width, sizes.y_width};
}

// Do all heads' rows start on 16 bytes?
template <class T>
Alignment HeadAlignment(const AttentionSizes& sizes, std::initializer_list<const void*> pointers) {
  return sizes.head_width % kVector<T> == 0 && AreAligned(pointers) ? Alignment::kSixteenBytes
                                                                    : Alignment::kElement;
}

}  // namespace pprun::kernels
