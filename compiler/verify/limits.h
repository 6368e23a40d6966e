// What a plan may at most be, so that checking it takes time and memory in proportion to its file,
// whatever the file says. Tests: check_tables_test.cc.
#pragma once

#include <cstdint>

namespace pprun {

inline constexpr int64_t kMaxRanks = int64_t{1} << 24;
inline constexpr int64_t kMaxArenaBytes = int64_t{1} << 46;
inline constexpr int64_t kMaxMicrobatches = int64_t{1} << 20;
inline constexpr size_t kMaxAxes = 16;
inline constexpr size_t kMaxStreams = 64;  // of one position
// (layer, microbatch) pairs that completeness counts.
inline constexpr int64_t kMaxTasks = int64_t{1} << 26;

// Work that may be done for what a plan of `size` entries says: generous for real plans, and no
// square of anything.
constexpr int64_t WorkLimit(size_t size) {
  return (int64_t{1} << 22) + 256 * static_cast<int64_t>(size);
}

}  // namespace pprun
