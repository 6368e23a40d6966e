// What overlapped pairs leave open: whether an activation is born, on one compute stream, before or
// after another is freed on the second. Effects do not say, and the most that are there at once
// would depend on timing.
//
// An activation is born when its forward begins and freed when its backward, or weight gradient,
// ends; that of a pair's backward counts until the forward beside it has begun. With these
// orderings, whatever the timing, what is born begins after what is freed before it has ended, and
// what is freed ends after what is born before it has begun: as many are live as in the order of
// issue, a pair being one. Pairs of a forward on the first stream with a backward on the second
// need but the former. Nothing else is held together: the two of a pair start when each can, since
// to start together would cost time wherever they are not equally long. Linear in the number of
// tasks. Tests: insert_events_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/passes/draft.h"

namespace pprun {

// Instructions of a program, on two streams: `later` begins after `earlier` has ended.
struct Ordering {
  int32_t later = 0;
  int32_t earlier = 0;
};

// Ascending by `later`.
std::vector<Ordering> ActivationOrder(const Draft& draft, PositionId position, ProgramKind program);

}  // namespace pprun
