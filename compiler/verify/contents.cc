#include "compiler/verify/contents.h"

#include <algorithm>

namespace pprun {
namespace {

void AppendJoined(std::vector<ValuePiece>& pieces, const ValuePiece& piece) {
  if (!pieces.empty()) {
    ValuePiece& last = pieces.back();
    const bool continues =
        !HasBeginning(piece.value) || last.offset + (last.end - last.begin) == piece.offset;
    if (last.value == piece.value && continues) {
      last.end = piece.end;
      return;
    }
  }
  pieces.push_back(piece);
}

}  // namespace

std::vector<ValuePiece> Contents::Read(Span span) const {
  std::vector<ValuePiece> pieces;
  const int64_t base = segments_->Offset(span.begin);
  for (int32_t i = span.begin; i < span.end; ++i) {
    const Held& held = held_[static_cast<size_t>(i)];
    const int64_t begin = segments_->Offset(i);
    if (held.value.kind() == ValueKind::kPieces) {
      for (ValuePiece piece : pieces_[static_cast<size_t>(held.value.index())]) {
        piece.begin += begin - base;
        piece.end += begin - base;
        AppendJoined(pieces, piece);
      }
      continue;
    }
    const int64_t offset = HasBeginning(held.value) ? begin - held.origin : 0;
    AppendJoined(pieces, {begin - base, End(i) - base, held.value, offset});
  }
  return pieces;
}

void Contents::Write(Span span, const std::vector<ValuePiece>& pieces) {
  CountWrite(span);
  const int64_t base = segments_->Offset(span.begin);
  auto piece = pieces.begin();
  for (int32_t i = span.begin; i < span.end; ++i) {
    const int64_t begin = segments_->Offset(i) - base, end = End(i) - base;
    while (piece->end <= begin) ++piece;
    // The part of a piece from `at` on.
    const auto offset = [&](const ValuePiece& of, int64_t at) {
      return HasBeginning(of.value) ? of.offset + (at - of.begin) : 0;
    };
    Held& held = held_[static_cast<size_t>(i)];
    if (piece->end >= end) {
      held = {piece->value, HasBeginning(piece->value) ? base + begin - offset(*piece, begin) : 0};
      continue;
    }
    std::vector<ValuePiece>& parts = pieces_.emplace_back();
    for (auto part = piece; part != pieces.end() && part->begin < end; ++part) {
      const int64_t from = std::max(begin, part->begin);
      parts.push_back(
          {from - begin, std::min(end, part->end) - begin, part->value, offset(*part, from)});
    }
    held = {Value(ValueKind::kPieces, static_cast<int32_t>(pieces_.size()) - 1), 0};
  }
}

Contents Contents::OnlyPersistent() const {
  Contents kept(*segments_);
  for (int arena = 0; arena < kArenaCount; ++arena) {
    if (!Persists(static_cast<ArenaKind>(arena))) continue;
    const Span span = segments_->Of(static_cast<ArenaKind>(arena));
    for (int32_t i = span.begin; i < span.end; ++i) {
      kept.held_[static_cast<size_t>(i)] = held_[static_cast<size_t>(i)];
    }
  }
  kept.pieces_ = pieces_;
  return kept;
}

}  // namespace pprun
