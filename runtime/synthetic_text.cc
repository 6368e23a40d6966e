#include "runtime/synthetic_text.h"

#include <bit>

#include "kernels/random.h"

namespace pprun {
namespace {

// Tells the two uses of the seed apart.
constexpr uint64_t kSuccessors = 1;
constexpr uint64_t kDraws = 2;

// Uniform below `count` to within count / 2^32.
int32_t Below(int64_t count, uint32_t word) {
  return static_cast<int32_t>(static_cast<uint64_t>(word) * static_cast<uint64_t>(count) >> 32);
}

// 0, 1, 2, 3 with probabilities 1/2, 1/4, 1/8, 1/8, from three bits.
uint32_t Rank(uint32_t bits) {
  const int zeros = std::countr_zero(bits & 7U);
  return zeros > 3 ? 3U : static_cast<uint32_t>(zeros);
}

}  // namespace

void DrawSyntheticText(uint64_t seed, int64_t vocabulary, int64_t sample,
                       std::span<int32_t> tokens) {
  const uint64_t successors = kernels::MixKeys(seed, kSuccessors);
  const uint64_t draws = kernels::MixKeys(seed, kDraws);
  const auto low = static_cast<uint32_t>(sample);
  const auto high = static_cast<uint32_t>(static_cast<uint64_t>(sample) >> 32);
  int32_t previous = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const kernels::Philox draw =
        kernels::Philox4x32({{static_cast<uint32_t>(i), low, high, 0}}, draws);
    if (i == 0 || (draw.word[0] & 15U) == 0) {
      tokens[i] = Below(vocabulary, draw.word[1]);
    } else {
      const uint32_t rank = Rank(draw.word[2]);
      const uint32_t word =
          kernels::Philox4x32({{static_cast<uint32_t>(previous), rank, 0, 0}}, successors).word[0];
      tokens[i] = Below(vocabulary, word);
    }
    previous = tokens[i];
  }
}

}  // namespace pprun
