// How far another machine's steady clock is ahead of this one's, as round trips tell it. The
// shortest trip tells it best, and clocks drift, so each minute has a best trip of its own: what
// was measured then is what holds for a trace of that time, however long the run goes on. Tests:
// job_test.cc.
#pragma once

#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>

namespace pprun {

class ClockOffsets {
 public:
  // All in seconds: sent and received by this clock, answered by the other.
  void Add(double sent, double answered, double received) {
    const double trip = received - sent;
    const auto [found, added] = best_.try_emplace(MinuteOf(sent), Trip{trip, 0});
    if (!added && trip >= found->second.seconds) return;
    found->second = {trip, answered - (sent + received) / 2};
  }

  // What is to be added to this clock to have the other's, around that time. 0 before any trip.
  double At(double seconds) const {
    if (best_.empty()) return 0;
    const int64_t minute = MinuteOf(seconds);
    const auto later = best_.lower_bound(minute);
    if (later == best_.begin()) return later->second.offset;
    const auto earlier = std::prev(later);
    if (later == best_.end() || minute - earlier->first <= later->first - minute) {
      return earlier->second.offset;
    }
    return later->second.offset;
  }

 private:
  struct Trip {
    double seconds = 0;
    double offset = 0;
  };
  static int64_t MinuteOf(double seconds) { return static_cast<int64_t>(std::floor(seconds / 60)); }

  std::map<int64_t, Trip> best_;
};

}  // namespace pprun
