// A position's memory, cut wherever a buffer begins or ends, or what an instruction touches of one:
// an instruction touches a segment wholly or not at all. Buffers are few and accesses many, so each
// buffer's segments are looked up once, here, and those of each list of LayerBindings.
// Tests: damage_test.cc, contents_test.cc, layer_bindings_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/verify/layer_bindings.h"

namespace pprun {

// Segments [begin, end), all of one arena.
struct Span {
  int32_t begin = 0;
  int32_t end = 0;
};

// Accesses that follow each other in memory and are alike, as one; the first of them is number
// `number` of its instruction.
struct JoinedAccess {
  Span span;
  Access access = Access::kRead;
  int32_t number = 0;
};

// What a run touches of its layer's parameters and gradients: see LayerBindings.
struct Footprint {
  size_t list = 0;                         // of all that have one number, the same
  std::span<const Span> arguments;         // in order
  std::span<const JoinedAccess> accesses;  // in order
};

class Segments {
 public:
  // The position's references must be valid (types); `layer_arguments` are LayerArguments(plan).
  Segments(const Plan& plan, const std::vector<size_t>& layer_arguments, const Position& position);

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
  // Of an instruction that is a run.
  Footprint Of(ProgramKind program, int32_t run) const {
    const auto& list_of = list_of_run_[static_cast<size_t>(program)];
    const size_t list = static_cast<size_t>(list_of[static_cast<size_t>(run)]);
    const Listed& first = listed_[list];
    const Listed& next = listed_[list + 1];
    return {list,
            {arguments_.data() + first.argument, next.argument - first.argument},
            {joined_.data() + first.joined, next.joined - first.joined}};
  }
  size_t lists() const { return listed_.size() - 1; }
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
  // Where a list's entries begin; they end where the next list's begin.
  struct Listed {
    size_t argument = 0;
    size_t joined = 0;
  };

  void WalkRuns(const Plan& plan, const Position& position, LayerBindings& lists);
  void Cut(const Position& position);
  void FindFootprints(const Plan& plan, const LayerBindings& lists);
  // The segment of an arena that begins there; `guess` may be it.
  int32_t At(ArenaKind arena, int64_t offset, int32_t guess) const;
  Span Part(BufferId buffer, int64_t bytes) const;

  std::vector<int64_t> offsets_;                                 // by segment, arena after arena
  std::array<int32_t, kArenaCount + 1> first_{};                 // segment of each arena
  std::vector<Whole> whole_;                                     // by buffer
  std::vector<Partial> partial_;                                 // ascending
  std::array<std::vector<int32_t>, kProgramCount> list_of_run_;  // by instruction
  std::vector<Listed> listed_;                                   // by list, and an end
  std::vector<Span> arguments_;
  std::vector<JoinedAccess> joined_;
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
