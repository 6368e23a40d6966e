// A position's memory, cut wherever a buffer begins or ends, or what an instruction touches of one:
// an instruction touches a segment wholly or not at all. Buffers are few and accesses many, so each
// buffer's segments are looked up once, here. Tests: damage_test.cc, contents_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// Segments [begin, end), all of one arena.
struct Span {
  int32_t begin = 0;
  int32_t end = 0;
};

class Segments {
 public:
  // The position's references must be valid (types).
  Segments(const Plan& plan, const Position& position);

  size_t count() const { return offsets_.size(); }
  Span Of(BufferId buffer) const { return whole_[buffer.index()].span; }
  // Of the first bytes of a buffer, as many as some instruction touches.
  Span Of(BufferId buffer, int64_t bytes) const {
    const Whole& whole = whole_[buffer.index()];
    return bytes == whole.bytes ? whole.span : Part(buffer, bytes);
  }
  Span Of(ArenaKind arena) const {
    return {first_[static_cast<size_t>(arena)], first_[static_cast<size_t>(arena) + 1]};
  }
  // Where a segment begins in its arena; it ends where the next begins.
  int64_t Offset(int32_t segment) const { return offsets_[static_cast<size_t>(segment)]; }

 private:
  struct Whole {
    int64_t bytes = 0;
    Span span;
  };
  struct Partial {
    BufferId buffer;
    int64_t bytes = 0;
    int32_t end = 0;

    auto Key() const { return std::pair(buffer, bytes); }
  };

  void FindPartials(const Plan& plan, const Position& position);
  int32_t At(ArenaKind arena, int64_t offset) const;
  Span Part(BufferId buffer, int64_t bytes) const;

  std::vector<int64_t> offsets_;                  // by segment, arena after arena
  std::array<int32_t, kArenaCount + 1> first_{};  // segment of each arena
  std::vector<Whole> whole_;                      // by buffer
  std::vector<Partial> partial_;                  // ascending
};

// Of every position.
std::vector<Segments> SegmentsOf(const Plan& plan);

// Whether what an arena holds outlives a program: what `initialise` leaves there, `step` and
// `validate` may read. Everything else is undefined when a program starts.
constexpr bool Persists(ArenaKind arena) {
  return arena == ArenaKind::kParameters || arena == ArenaKind::kGatheredParameters ||
         arena == ArenaKind::kOptimizer;
}

}  // namespace pprun
