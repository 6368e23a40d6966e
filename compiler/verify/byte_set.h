// A set of bytes as disjoint intervals, for what of an argument a function writes and reads.
// Tests: contents_test.cc.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

namespace pprun {

class ByteSet {
 public:
  void Add(int64_t begin, int64_t end) {
    if (begin >= end) return;
    auto at = intervals_.upper_bound(begin);
    if (at != intervals_.begin() && std::prev(at)->second >= begin) {
      --at;
      begin = at->first;
    }
    while (at != intervals_.end() && at->first <= end) {
      if (at->second > end) end = at->second;
      at = intervals_.erase(at);
    }
    intervals_.emplace(begin, end);
  }

  bool empty() const { return intervals_.empty(); }

  bool Contains(int64_t begin, int64_t end) const {
    if (begin >= end) return true;
    const auto after = intervals_.upper_bound(begin);
    return after != intervals_.begin() && std::prev(after)->second >= end;
  }

  bool Contains(const ByteSet& other) const {
    for (const auto& [begin, end] : other.intervals_) {
      if (!Contains(begin, end)) return false;
    }
    return true;
  }

 private:
  std::map<int64_t, int64_t> intervals_;  // begin to end; neither touching nor overlapping
};

}  // namespace pprun
