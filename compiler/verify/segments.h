// A position's memory, cut wherever an effect of any of its programs begins or ends: an instruction
// touches a segment wholly or not at all. Tests: damage_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "compiler/plan/effects.h"

namespace pprun {

class Segments {
 public:
  void Cut(const Effect& effect) {
    std::vector<int64_t>& cuts = cuts_[static_cast<size_t>(effect.arena)];
    cuts.push_back(effect.begin);
    cuts.push_back(effect.end);
  }
  // After the last cut, before the first question.
  void Close() {
    size_t next = 0;
    for (size_t arena = 0; arena < cuts_.size(); ++arena) {
      std::vector<int64_t>& cuts = cuts_[arena];
      std::ranges::sort(cuts);
      const auto unused = std::ranges::unique(cuts);
      cuts.erase(unused.begin(), unused.end());
      first_[arena] = next;
      next += cuts.size();
    }
    count_ = next;
  }

  size_t count() const { return count_; }
  // The segments of an effect are [Begin, End).
  size_t Begin(const Effect& effect) const { return At(effect.arena, effect.begin); }
  size_t End(const Effect& effect) const { return At(effect.arena, effect.end); }

 private:
  size_t At(ArenaKind arena, int64_t offset) const {
    const std::vector<int64_t>& cuts = cuts_[static_cast<size_t>(arena)];
    return first_[static_cast<size_t>(arena)] +
           static_cast<size_t>(std::ranges::lower_bound(cuts, offset) - cuts.begin());
  }

  std::array<std::vector<int64_t>, kArenaCount> cuts_;
  std::array<size_t, kArenaCount> first_{};
  size_t count_ = 0;
};

// Whether what an arena holds outlives a program: what `initialise` leaves there, `step` and
// `validate` may read. Everything else is undefined when a program starts.
constexpr bool Persists(ArenaKind arena) {
  return arena == ArenaKind::kParameters || arena == ArenaKind::kGatheredParameters ||
         arena == ArenaKind::kOptimizer;
}

}  // namespace pprun
