// The sizes that follow from attention's operands, checked once for the forward and the backward
// kernel. Included by what computes attention only. Tests: attention_test.cc.
#pragma once

#include <cmath>
#include <cstdint>

#include "compiler/plan/base/check.h"
#include "kernels/attention.h"

namespace pprun::kernels {

// Queries that are taken at a time: their scores, 96 rows, stay in the second cache, and 96 is a
// multiple of the product's tile.
inline constexpr int64_t kQueryBlock = 96;

struct AttentionSizes {
  int64_t samples = 0;
  int64_t positions = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t group = 0;       // query heads that share a key head
  int64_t head_width = 0;  // c
  int64_t qkv_width = 0;   // (h + 2k) c
  int64_t y_width = 0;     // h c
  float scale = 0;         // 1 / sqrt(c)
};

inline AttentionSizes SizesOf(const Tensor& qkv, const Tensor& y, const Tensor& lse,
                              const AttentionHeads& heads) {
  CHECK(qkv.shape.rank == 3);
  CHECK(heads.kv_heads > 0 && heads.heads % heads.kv_heads == 0);
  AttentionSizes sizes = {.samples = qkv.shape[0],
                          .positions = qkv.shape[1],
                          .heads = heads.heads,
                          .kv_heads = heads.kv_heads,
                          .group = heads.heads / heads.kv_heads,
                          .head_width = qkv.shape[2] / (heads.heads + 2 * heads.kv_heads),
                          .qkv_width = qkv.shape[2]};
  sizes.y_width = sizes.heads * sizes.head_width;
  sizes.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(sizes.head_width)));
  CHECK((sizes.heads + 2 * sizes.kv_heads) * sizes.head_width == sizes.qkv_width);
  CHECK(y.shape.Elements() == sizes.samples * sizes.positions * sizes.y_width);
  CHECK(lse.shape.Elements() == sizes.samples * sizes.heads * sizes.positions);
  return sizes;
}

// Where one head's rows start within a sample's packed qkv.
inline int64_t QueryOffset(const AttentionSizes& sizes, int64_t head) {
  return head * sizes.head_width;
}
inline int64_t KeyOffset(const AttentionSizes& sizes, int64_t kv_head) {
  return (sizes.heads + kv_head) * sizes.head_width;
}
inline int64_t ValueOffset(const AttentionSizes& sizes, int64_t kv_head) {
  return (sizes.heads + sizes.kv_heads + kv_head) * sizes.head_width;
}

}  // namespace pprun::kernels
