#include "compiler/schedule/greedy/lower_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pprun {
namespace {

constexpr int64_t kInfinite = std::numeric_limits<int64_t>::max();
// Sets of kinds of tasks are tried one by one up to so many parts on a rank.
constexpr size_t kMostParts = 4;

// Times that a part's tasks cannot be earlier than, counted from the start, or later than, counted
// from the end.
struct PartBounds {
  std::array<int64_t, kPieces> head = {};
  std::array<int64_t, kPieces> tail = {};
  int64_t lifetime = 0;  // of an activation, at least
};

std::vector<PartBounds> BoundsOfParts(const GreedyProblem& problem) {
  std::vector<PartBounds> bounds(problem.parts.size());
  const auto hop = [&](int32_t a, int32_t b) {
    return problem[a].rank == problem[b].rank ? 0 : problem.transfer;
  };
  for (int32_t first = 0; first < static_cast<int32_t>(problem.parts.size()); ++first) {
    if (problem[first].earlier >= 0) continue;
    std::vector<int32_t> chain;
    for (int32_t part = first; part >= 0; part = problem[part].later) chain.push_back(part);
    const auto at = [&](int32_t part) -> PartBounds& { return bounds[static_cast<size_t>(part)]; };
    int64_t time = 0;
    for (size_t i = 0; i < chain.size(); ++i) {
      if (i > 0) time += hop(chain[i - 1], chain[i]);
      at(chain[i]).head[0] = time;
      time += problem[chain[i]].cost[0];
    }
    for (size_t i = chain.size(); i-- > 0;) {
      if (i + 1 < chain.size()) time += hop(chain[i + 1], chain[i]);
      at(chain[i]).head[1] = time;
      time += problem[chain[i]].cost[1];
      at(chain[i]).head[2] = time;
      at(chain[i]).lifetime = time + problem[chain[i]].cost[2] - at(chain[i]).head[0];
    }
    // Backwards: what has to follow. After a gradient either its own weight gradient or those of
    // the stages before.
    int64_t after = 0;
    for (size_t i = 0; i < chain.size(); ++i) {
      PartBounds& part = at(chain[i]);
      if (i > 0) after += hop(chain[i - 1], chain[i]);
      part.tail[1] = std::max(after, problem[chain[i]].cost[2]);
      after = part.tail[1] + problem[chain[i]].cost[1];
    }
    for (size_t i = chain.size(); i-- > 0;) {
      if (i + 1 < chain.size()) after += hop(chain[i + 1], chain[i]);
      at(chain[i]).tail[0] = after;
      after += problem[chain[i]].cost[0];
    }
  }
  return bounds;
}

int64_t Work(const GreedyPart& part, size_t piece) { return part.cost[piece] * part.microbatches; }

// Any set of kinds of tasks: least head, work, least tail.
int64_t OneMachine(const GreedyProblem& problem, const std::vector<PartBounds>& bounds,
                   const GreedyRank& rank) {
  const size_t parts = std::min(rank.parts.size(), kMostParts);
  int64_t bound = 0;
  for (uint32_t set = 1; set < 1u << (parts * kPieces); ++set) {
    int64_t head = kInfinite, tail = kInfinite, work = 0;
    for (size_t bit = 0; bit < parts * kPieces; ++bit) {
      if ((set >> bit & 1) == 0) continue;
      const int32_t id = rank.parts[bit / kPieces];
      const size_t piece = bit % kPieces;
      if (problem[id].microbatches == 0) continue;
      head = std::min(head, bounds[static_cast<size_t>(id)].head[piece]);
      tail = std::min(tail, bounds[static_cast<size_t>(id)].tail[piece]);
      work += Work(problem[id], piece);
    }
    if (work > 0) bound = std::max(bound, head + work + tail);
  }
  return bound;
}

// What of `limit` can be filled with whole activations that bring `value` each, the best first.
int64_t MostWork(std::vector<std::pair<int64_t, int64_t>> value_and_size,
                 const std::vector<int64_t>& counts, int64_t limit) {
  std::vector<size_t> order(value_and_size.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return value_and_size[a].first * value_and_size[b].second >
           value_and_size[b].first * value_and_size[a].second;
  });
  int64_t work = 0;
  for (size_t i : order) {
    const auto [value, size] = value_and_size[i];
    // Rounded up: a bound for what is filled.
    const int64_t fit = size == 0 ? counts[i] : std::min(counts[i], (limit + size - 1) / size);
    work += fit * value;
    limit = std::max<int64_t>(limit - fit * size, 0);
  }
  return work;
}

struct RankSums {
  int64_t work = 0;
  int64_t start = kInfinite;           // before any task
  int64_t first_gradient = kInfinite;  // before any gradient
  int64_t after_forwards = kInfinite;  // after the last forward, whichever it is
  int64_t lifetimes = 0;               // of all activations together
  double room_and_time = 0;            // sum of size times lifetime: bytes overflow an integer
  int64_t most_forwards = 0;           // work of what fits, before the first gradient
  int64_t most_gradients = 0;          // and after the last forward
};

RankSums SumsOf(const GreedyProblem& problem, const std::vector<PartBounds>& bounds,
                const GreedyRank& rank) {
  RankSums sums;
  std::vector<std::pair<int64_t, int64_t>> forwards, gradients;
  std::vector<int64_t> counts;
  for (int32_t id : rank.parts) {
    const GreedyPart& part = problem[id];
    const PartBounds& bound = bounds[static_cast<size_t>(id)];
    if (part.microbatches == 0) continue;
    for (size_t piece = 0; piece < kPieces; ++piece) sums.work += Work(part, piece);
    sums.start = std::min(sums.start, bound.head[0]);
    sums.first_gradient = std::min(sums.first_gradient, bound.head[1]);
    sums.after_forwards = std::min(sums.after_forwards, bound.tail[0]);
    const int64_t lifetimes = part.microbatches * bound.lifetime;
    sums.lifetimes += lifetimes;
    sums.room_and_time += static_cast<double>(lifetimes) * static_cast<double>(part.size);
    forwards.emplace_back(part.cost[0], part.size);
    gradients.emplace_back(part.cost[1] + part.cost[2], part.size);
    counts.push_back(part.microbatches);
  }
  if (sums.work == 0) return sums;
  sums.most_forwards = MostWork(forwards, counts, rank.limit);
  sums.most_gradients = MostWork(gradients, counts, rank.limit);
  return sums;
}

// Activations of one size: the first start one after another, and so do the last end.
int64_t RoomOverTime(const GreedyProblem& problem, const GreedyRank& rank, const RankSums& sums) {
  int64_t size = kInfinite, forward = kInfinite, last = kInfinite, activations = 0;
  bool equal = true;
  for (int32_t id : rank.parts) {
    const GreedyPart& part = problem[id];
    if (size != kInfinite && part.size != size) equal = false;
    size = std::min(size, part.size);
    forward = std::min(forward, part.cost[0]);
    last = std::min(last, part.cost[rank.splits ? 2 : 1]);
    activations += part.microbatches;
  }
  if (size == 0 || activations == 0) return 0;
  if (!equal) {
    // Rounded up, but no further than an exact quotient would be.
    constexpr double kExact = 1 - 1e-12;
    const double quotient = sums.room_and_time / static_cast<double>(rank.limit);
    return sums.start + static_cast<int64_t>(std::ceil(quotient * kExact));
  }
  // Of `slots` that are used, slots * (end - start) holds the lifetimes and what is empty at both
  // ends. Using fewer may be better: the bound is the least of a convex function.
  const int64_t most = std::max<int64_t>(std::min(rank.limit / size, activations), 1);
  const auto bound = [&](int64_t slots) {
    return sums.lifetimes / slots + (forward + last) * (slots - 1) / 2;
  };
  int64_t low = 1, high = most;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    // The exact difference of neighbours, times 2 * middle * (middle + 1).
    if ((forward + last) * middle * (middle + 1) < 2 * sums.lifetimes) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return sums.start + bound(low);
}

// One part a rank: the order in which activations end is that in which they start.
int64_t Rounds(const GreedyProblem& problem, const std::vector<PartBounds>& bounds,
               const GreedyRank& rank) {
  if (rank.parts.size() != 1) return 0;
  const GreedyPart& part = problem[rank.parts[0]];
  const PartBounds& bound = bounds[static_cast<size_t>(rank.parts[0])];
  if (part.microbatches == 0 || part.size == 0) return 0;
  const int64_t slots = std::min<int64_t>(rank.limit / part.size, part.microbatches);
  if (slots == 0) return 0;
  const int64_t last = part.microbatches - 1;
  return bound.head[0] + last / slots * bound.lifetime + last % slots * part.cost[0] +
         part.cost[0] + bound.tail[0];
}

}  // namespace

int64_t LowerBound(const GreedyProblem& problem) {
  const std::vector<PartBounds> bounds = BoundsOfParts(problem);
  int64_t bound = 0;
  for (const GreedyRank& rank : problem.ranks) {
    const RankSums sums = SumsOf(problem, bounds, rank);
    if (sums.work == 0) continue;
    const int64_t before = std::min(sums.most_forwards, sums.first_gradient - sums.start);
    const int64_t after = std::min(sums.most_gradients, sums.after_forwards);
    bound = std::max({bound, OneMachine(problem, bounds, rank),
                      sums.first_gradient + sums.work - before,
                      sums.start + sums.work - after + sums.after_forwards,
                      RoomOverTime(problem, rank, sums), Rounds(problem, bounds, rank)});
    // Only then the two windows cannot overlap.
    if (sums.work > before + after) {
      bound =
          std::max(bound, sums.first_gradient + sums.work - before - after + sums.after_forwards);
    }
  }
  return bound;
}

}  // namespace pprun
