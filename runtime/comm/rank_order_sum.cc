#include "runtime/comm/rank_order_sum.h"

#include <algorithm>
#include <array>
#include <bit>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Sums stay in the first-level cache while they are added up.
constexpr int64_t kBlock = 1024;

struct BFloat16 {
  uint16_t bits = 0;
};

template <class Element>
struct SumOf {
  using Type = Element;
};
template <>
struct SumOf<BFloat16> {
  using Type = float;
};

float Widened(BFloat16 value) { return std::bit_cast<float>(uint32_t{value.bits} << 16); }
template <class Element>
Element Widened(Element value) {
  return value;
}

void Store(float sum, BFloat16& target) {
  const uint32_t bits = std::bit_cast<uint32_t>(sum);
  const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
  // To nearest, ties to even; a NaN keeps its upper bits and stays one.
  const uint32_t rounded = nan ? bits | 0x400000U : bits + 0x7fffU + ((bits >> 16) & 1U);
  target.bits = static_cast<uint16_t>(rounded >> 16);
}
template <class Element>
void Store(Element sum, Element& target) {
  target = sum;
}

template <class Element>
void Sum(std::span<const void* const> sources, std::span<void* const> targets, int64_t begin,
         int64_t end) {
  std::array<typename SumOf<Element>::Type, kBlock> sums;
  for (int64_t at = begin; at < end; at += kBlock) {
    const size_t count = static_cast<size_t>(std::min(kBlock, end - at));
    const auto* first = static_cast<const Element*>(sources[0]) + at;
    for (size_t i = 0; i < count; ++i) sums[i] = Widened(first[i]);
    for (const void* const source : sources.subspan(1)) {
      const auto* values = static_cast<const Element*>(source) + at;
      for (size_t i = 0; i < count; ++i) sums[i] += Widened(values[i]);
    }
    for (void* const target : targets) {
      auto* values = static_cast<Element*>(target) + at;
      for (size_t i = 0; i < count; ++i) Store(sums[i], values[i]);
    }
  }
}

}  // namespace

void SumInRankOrder(DType dtype, std::span<const void* const> sources,
                    std::span<void* const> targets, int64_t begin, int64_t end) {
  switch (dtype) {
    case DType::kF32:
      return Sum<float>(sources, targets, begin, end);
    case DType::kF64:
      return Sum<double>(sources, targets, begin, end);
    case DType::kBF16:
      return Sum<BFloat16>(sources, targets, begin, end);
    case DType::kI32:
      // As unsigned numbers, which wrap around.
      return Sum<uint32_t>(sources, targets, begin, end);
  }
  CHECK(false);
}

}  // namespace pprun
