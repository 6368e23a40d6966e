#include "compiler/model/lifetimes.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace pprun {

int64_t PlaceByLifetime(std::vector<MemoryBlock>& blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  // Placed so far, by offset.
  std::vector<size_t> placed;
  int64_t total = 0;
  for (const size_t index : order) {
    MemoryBlock& block = blocks[index];
    block.offset = 0;
    for (const size_t other_index : placed) {
      const MemoryBlock& other = blocks[other_index];
      if (other.last < block.first || block.last < other.first) continue;
      if (other.offset >= block.offset + AlignedBytes(block.bytes)) break;
      block.offset = std::max(block.offset, other.offset + AlignedBytes(other.bytes));
    }
    total = std::max(total, block.offset + AlignedBytes(block.bytes));
    const auto place = std::upper_bound(
        placed.begin(), placed.end(), block.offset,
        [&](int64_t offset, size_t other) { return offset < blocks[other].offset; });
    placed.insert(place, index);
  }
  return total;
}

}  // namespace pprun
