#include "compiler/schedule/greedy/seeds.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace pprun {
namespace {

size_t Index(int32_t value) { return static_cast<size_t>(value); }

// A key of two numbers below that of a kind: costs no more than three of these bits' ranges.
int64_t Key(int64_t preference, int64_t first, int64_t second) {
  return preference << 60 | first << 30 | second;
}

struct Tie {
  int64_t first = 0;
  int64_t second = 0;
};

Tie TieOf(TieRule rule, const GreedyProblem& problem, const GreedyPart& part, Piece piece,
          int32_t microbatch) {
  const int64_t to_last = problem.stages - 1 - part.stage;
  // How far the microbatch is from the end of its pass.
  const int64_t to_end = piece == Piece::kForward ? to_last : part.stage;
  switch (rule) {
    case TieRule::kNearestEnd:
      return {to_end, microbatch};
    case TieRule::kFurthest:
      return {problem.stages - 1 - to_end, microbatch};
    case TieRule::kDeep:
      return {to_last, microbatch};
    case TieRule::kMicrobatches:
      return {microbatch, to_end};
    case TieRule::kGroups: {
      const int32_t group = static_cast<int32_t>(problem.ranks.size());
      // The first stages of a pass first.
      return {microbatch / group, (problem.stages - 1 - to_end) * group + microbatch % group};
    }
  }
  return {};
}

// Intervals of one period that a rank is busy in.
class PeriodicRank {
 public:
  // The first time not before `time` at which a task of this cost has the rank to itself in every
  // period; `time` itself if the search for one takes too long.
  int64_t Place(int64_t time, int64_t cost, int64_t period) {
    const int64_t wanted = time;
    bool free = false;
    for (size_t round = 0; round <= 2 * busy_.size() && !free; ++round) {
      free = true;
      for (const auto& [begin, end] : busy_) {
        const int64_t after = ((time - begin) % period + period) % period;
        if (after < end - begin) {
          time += end - begin - after;
          free = false;
        } else if (after + cost > period) {
          time += period - after + (end - begin);
          free = false;
        }
      }
    }
    if (!free) time = wanted;
    busy_.emplace_back(time, time + cost);
    return time;
  }

 private:
  std::vector<std::pair<int64_t, int64_t>> busy_;
};

}  // namespace

void SetRuleKeys(const GreedyProblem& problem, TieRule ties, PieceTable& keys) {
  for (const GreedyPart& part : problem.parts) {
    const auto& preference = problem.ranks[Index(part.rank)].preference;
    for (int32_t i = 0; i < part.microbatches; ++i) {
      const size_t at = part.first + Index(i);
      for (const Piece piece : {Piece::kForward, Piece::kGradient}) {
        const Tie tie = TieOf(ties, problem, part, piece, i);
        const size_t column = static_cast<size_t>(piece);
        keys[column][at] = Key(preference[column], tie.first, tie.second);
      }
      keys[2][at] = Key(preference[2], i, part.stage);
    }
  }
}

void SetAlternatingOrder(const GreedyProblem& problem, int64_t slope, WeightPlaces weights,
                         PieceTable& keys, RankOrders& backbone) {
  const auto group = static_cast<int32_t>(problem.ranks.size());
  backbone.assign(problem.ranks.size(), {});
  std::vector<int32_t> parts;
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    parts = problem.ranks[rank].parts;
    std::sort(parts.begin(), parts.end(), [&](int32_t a, int32_t b) {
      return std::pair(problem[a].stage, a) < std::pair(problem[b].stage, b);
    });
    int32_t microbatches = 0;
    for (const int32_t part : parts) {
      microbatches = std::max(microbatches, problem[part].microbatches);
    }
    // The tasks of one kind in their order, and the time of each as its key.
    const auto in_groups = [&](Piece piece) {
      RankOrder order;
      for (int32_t begin = 0; begin < microbatches; begin += group) {
        for (const int32_t part : parts) {
          const int32_t end = std::min(begin + group, problem[part].microbatches);
          for (int32_t i = begin; i < end; ++i) {
            const auto key = static_cast<int64_t>(order.size());
            keys[static_cast<size_t>(piece)][problem[part].first + Index(i)] = key;
            if (piece == Piece::kGradient) keys[2][problem[part].first + Index(i)] = Key(3, 0, key);
            order.push_back({problem[part].chunk, piece});
          }
        }
      }
      return order;
    };
    const RankOrder forwards = in_groups(Piece::kForward);
    std::reverse(parts.begin(), parts.end());
    const RankOrder gradients = in_groups(Piece::kGradient);
    const size_t after = problem.ranks.size() - 1 - rank;
    const size_t warmup = std::min(
        forwards.size(), (parts.size() - 1) * Index(group) + static_cast<size_t>(slope) * after);
    const bool fixed = weights == WeightPlaces::kFixed && problem.ranks[rank].splits;
    RankOrder& order = backbone[rank];
    order.assign(forwards.begin(), forwards.begin() + static_cast<ptrdiff_t>(warmup));
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (warmup + i < forwards.size()) order.push_back(forwards[warmup + i]);
      order.push_back(gradients[i]);
      const size_t lag = static_cast<size_t>(slope) * rank;
      if (fixed && i >= lag) order.push_back({gradients[i - lag].chunk, Piece::kWeight});
    }
    const size_t lag = std::min(static_cast<size_t>(slope) * rank, gradients.size());
    for (size_t i = gradients.size() - lag; fixed && i < gradients.size(); ++i) {
      order.push_back({gradients[i].chunk, Piece::kWeight});
    }
  }
}

bool SetTurningOrder(const GreedyProblem& problem, WeightPlaces weights, PieceTable& keys,
                     RankOrders& backbone) {
  for (const GreedyRank& rank : problem.ranks) {
    if (rank.parts.size() != 2) return false;
  }
  SetRuleKeys(problem, TieRule::kMicrobatches, keys);
  backbone.assign(problem.ranks.size(), {});
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    std::array<int32_t, 2> parts = {problem.ranks[rank].parts[0], problem.ranks[rank].parts[1]};
    if (problem[parts[0]].stage > problem[parts[1]].stage) std::swap(parts[0], parts[1]);
    const bool fixed = weights == WeightPlaces::kFixed && problem.ranks[rank].splits;
    std::array<std::array<int32_t, kPieces>, 2> done = {};
    const auto run = [&](size_t part, Piece piece) {
      if (piece == Piece::kWeight && !fixed) return;
      int32_t& count = done[part][static_cast<size_t>(piece)];
      if (count == problem[parts[part]].microbatches) return;
      ++count;
      backbone[rank].push_back({problem[parts[part]].chunk, piece});
    };
    const auto backward = [&](size_t part) {
      run(part, Piece::kGradient);
      run(part, Piece::kWeight);
    };
    const int32_t before = problem[parts[0]].stage;
    const int32_t after = std::max(problem.stages / 2 - before, 1);
    // As many microbatches as fill the shape; those that there are not are left out.
    const int32_t rounds =
        std::max(problem.stages - 1, problem[parts[0]].microbatches) - problem.stages / 2;
    for (int32_t i = 0; i < 2 * after - 1; ++i) run(0, Piece::kForward);
    for (int32_t i = 0; i < before; ++i) {
      run(1, Piece::kForward);
      run(0, Piece::kForward);
    }
    for (int32_t i = 0; i < after; ++i) {
      run(1, Piece::kForward);
      backward(1);
    }
    for (int32_t i = 0; i < rounds; ++i) {
      run(0, Piece::kForward);
      backward(0);
      run(1, Piece::kForward);
      backward(1);
    }
    for (int32_t i = 0; i < before; ++i) {
      run(0, Piece::kGradient);
      run(1, Piece::kGradient);
    }
    for (int32_t i = 0; i < after; ++i) backward(0);
    // What is left.
    for (const size_t part : {size_t{1}, size_t{0}}) {
      const int32_t most = problem[parts[part]].microbatches;
      for (int32_t i = 0; i < most; ++i) run(part, Piece::kForward);
      for (int32_t i = 0; i < most; ++i) backward(part);
    }
  }
  return true;
}

void SetPeriodicOrder(const GreedyProblem& problem, int64_t period, const PeriodicShape& shape,
                      WeightPlaces weights, PieceTable& keys, RankOrders& backbone) {
  const bool unit = shape.costs == PeriodicShape::Costs::kUnit;
  const auto cost_of = [&](const GreedyPart& part, Piece piece) {
    const int64_t cost = part.cost[static_cast<size_t>(piece)];
    return unit ? int64_t{cost > 0} : cost;
  };
  int64_t work = 0;
  for (const GreedyRank& rank : problem.ranks) {
    int64_t here = 0;
    for (const int32_t part : rank.parts) {
      for (const Piece piece : kAllPieces) here += cost_of(problem[part], piece);
    }
    work = std::max(work, here);
  }
  period = std::max<int64_t>(work * period / 100, 1);
  std::vector<PeriodicRank> ranks(problem.ranks.size());
  std::vector<std::array<int64_t, 2>> offset(problem.parts.size());
  for (size_t first = 0; first < problem.parts.size(); ++first) {
    if (problem.parts[first].earlier >= 0) continue;
    std::vector<int32_t> chain;
    for (auto part = static_cast<int32_t>(first); part >= 0; part = problem[part].later) {
      chain.push_back(part);
    }
    int64_t time = 0;
    int32_t last = -1;
    const auto place = [&](int32_t id, Piece piece) {
      const GreedyPart& part = problem[id];
      if (last >= 0 && problem[last].rank != part.rank && !unit) time += problem.transfer;
      last = id;
      const int64_t cost = cost_of(part, piece);
      time = ranks[Index(part.rank)].Place(time, cost, period);
      offset[Index(id)][static_cast<size_t>(piece)] = time;
      const auto& rests = piece == Piece::kForward ? shape.after_forward : shape.after_gradient;
      time += cost;
      // At a turn of the placement the next forward is on the same rank, and begins at once.
      const bool turns =
          piece == Piece::kForward && part.later >= 0 && problem[part.later].rank == part.rank;
      if (!turns) time += cost * rests[Index(part.chunk) % 2];
    };
    for (const int32_t id : chain) place(id, Piece::kForward);
    time += shape.before_gradients * cost_of(problem[chain.back()], Piece::kForward);
    for (size_t i = chain.size(); i-- > 0;) place(chain[i], Piece::kGradient);
  }
  backbone.assign(problem.ranks.size(), {});
  struct Timed {
    int64_t time = 0;
    int32_t part = 0;
    Piece piece = Piece::kForward;
  };
  std::vector<Timed> timed;
  std::vector<int32_t> owed;  // weight gradients, by part
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    timed.clear();
    for (const int32_t id : problem.ranks[rank].parts) {
      const GreedyPart& part = problem[id];
      for (int32_t i = 0; i < part.microbatches; ++i) {
        const size_t at = part.first + Index(i);
        for (const Piece piece : {Piece::kForward, Piece::kGradient}) {
          const size_t column = static_cast<size_t>(piece);
          keys[column][at] = offset[Index(id)][column] + i * period;
          timed.push_back({keys[column][at], id, piece});
        }
        // After whatever else is ready, the oldest gradient first.
        keys[2][at] = Key(3, 0, 0) + keys[1][at];
      }
    }
    std::stable_sort(timed.begin(), timed.end(),
                     [](const Timed& a, const Timed& b) { return a.time < b.time; });
    const bool fixed = weights == WeightPlaces::kFixed && problem.ranks[rank].splits;
    RankOrder& order = backbone[rank];
    size_t paid = 0;
    int64_t now = 0;
    owed.clear();
    const auto pay = [&](int64_t until) {
      for (; paid < owed.size(); ++paid) {
        const GreedyPart& part = problem[owed[paid]];
        const int64_t cost = cost_of(part, Piece::kWeight);
        if (now + cost > until) return;
        now += cost;
        order.push_back({part.chunk, Piece::kWeight});
      }
    };
    for (const Timed& task : timed) {
      if (fixed) pay(task.time);
      const GreedyPart& part = problem[task.part];
      order.push_back({part.chunk, task.piece});
      now = task.time + cost_of(part, task.piece);
      if (task.piece == Piece::kGradient) owed.push_back(task.part);
    }
    if (fixed) pay(std::numeric_limits<int64_t>::max());
  }
}

}  // namespace pprun
