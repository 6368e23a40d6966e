// What a plan may at most be, so that checking it takes time and memory in proportion to its file,
// whatever the file says. Tests: named_damage_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pprun {

inline constexpr int64_t kMaxRanks = int64_t{1} << 24;
inline constexpr int64_t kMaxArenaBytes = int64_t{1} << 46;
inline constexpr int64_t kMaxMicrobatches = int64_t{1} << 20;
inline constexpr size_t kMaxAxes = 16;
inline constexpr size_t kMaxStreams = 64;  // of one position
inline constexpr size_t kMaxPositions = 4096;

// Work that may be done for what a plan of `size` entries says: generous for real plans, and no
// square of anything.
constexpr int64_t WorkLimit(size_t size) {
  return (int64_t{1} << 22) + 256 * static_cast<int64_t>(size);
}

// Arguments and rows that the instructions of a position may have, given the entries of their
// tables: each has entries of its own, as a rule.
constexpr int64_t BoundArgumentsLimit(size_t entries) {
  return (int64_t{1} << 20) + 4 * static_cast<int64_t>(entries);
}

}  // namespace pprun
