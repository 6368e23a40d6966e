#include "compiler/verify/value_map.h"

#include <algorithm>
#include <iterator>

namespace pprun {

void ValueMap::Split(int64_t at) {
  auto after = held_.upper_bound(at);
  if (after == held_.begin()) return;
  auto& [begin, held] = *std::prev(after);
  if (begin == at || held.end <= at) return;
  held_.emplace_hint(after, at, Held{held.end, held.value, held.offset + (at - begin)});
  held.end = at;
}

void ValueMap::Write(int64_t begin, int64_t end, ValueIndex value, int64_t offset) {
  if (begin >= end) return;
  Split(begin);
  Split(end);
  held_.erase(held_.lower_bound(begin), held_.lower_bound(end));
  held_.emplace(begin, Held{end, value, offset});
}

std::vector<Piece> ValueMap::Read(int64_t begin, int64_t end) const {
  std::vector<Piece> pieces;
  const auto add = [&](Piece piece) {
    if (piece.begin >= piece.end) return;
    if (!pieces.empty()) {
      Piece& last = pieces.back();
      const int64_t length = last.end - last.begin;
      const bool continues = piece.value == kNoValue || last.offset + length == piece.offset;
      if (last.value == piece.value && continues) {
        last.end = piece.end;
        return;
      }
    }
    pieces.push_back(piece);
  };
  int64_t at = begin;
  auto next = held_.upper_bound(begin);
  if (next != held_.begin()) --next;
  for (; next != held_.end() && next->first < end; ++next) {
    const int64_t from = std::max(next->first, begin);
    const int64_t to = std::min(next->second.end, end);
    if (from >= to) continue;
    add({at, from, kNoValue, 0});
    add({from, to, next->second.value, next->second.offset + (from - next->first)});
    at = to;
  }
  add({at, end, kNoValue, 0});
  return pieces;
}

void ValueMap::WriteAll(int64_t begin, const std::vector<Piece>& relative) {
  for (const Piece& piece : relative) {
    Write(begin + piece.begin, begin + piece.end, piece.value, piece.offset);
  }
}

std::vector<Piece> RelativeTo(int64_t base, std::vector<Piece> pieces) {
  for (Piece& piece : pieces) {
    piece.begin -= base;
    piece.end -= base;
  }
  return pieces;
}

}  // namespace pprun
