#include "compiler/schedule/greedy/search_order.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "compiler/schedule/greedy/lower_bound.h"
#include "compiler/schedule/greedy/queued_time.h"
#include "compiler/schedule/greedy/seeds.h"

namespace pprun {
namespace {

// Orders that are improved side by side.
constexpr size_t kMostElites = 6;
// So many beginnings, then as many improvements.
constexpr int64_t kSeedsAtOnce = 3;

// Starts of a search, in the order in which they are tried.
struct Seed {
  TieRule ties = TieRule::kNearestEnd;
  int64_t patience = 0;
  // Most forwards ahead of their gradients: so many for every rank from this one to the last; 0:
  // any.
  int64_t ahead = 0;
  // Forwards and gradients in turn, if not 0, with a warm-up of this slope.
  int64_t slope = 0;
  bool turns = false;  // there and back
  // A periodic order, if not 0: its period in hundredths of the work of the busiest rank.
  int64_t period = 0;
  PeriodicShape shape = {};
  WeightPlaces weights = WeightPlaces::kFree;  // of these two
};

std::vector<Seed> Seeds(bool several_parts) {
  std::vector<Seed> seeds;
  const auto by_rule = [&](TieRule ties) {
    for (const int64_t patience : {0, 4, 8}) {
      for (const int64_t ahead : {0, 1, 2}) {
        seeds.push_back({.ties = ties, .patience = patience, .ahead = ahead});
      }
    }
  };
  by_rule(TieRule::kNearestEnd);
  for (const int64_t slope : {1, 2}) {
    seeds.push_back({.slope = slope, .weights = WeightPlaces::kFixed});
    for (const int64_t patience : {1, 5, 8}) {
      seeds.push_back({.patience = patience, .slope = slope});
    }
  }
  seeds.push_back({.turns = true, .weights = WeightPlaces::kFixed});
  seeds.push_back({.patience = 5, .turns = true});
  static constexpr PeriodicShape kShapes[] = {
      {},
      {.after_forward = {1, 0}, .after_gradient = {0, 1}},
      {.after_forward = {1, 0}},
      {.after_gradient = {0, 1}},
      {.after_forward = {1, 1}},
      {.after_forward = {1, 1}, .after_gradient = {1, 1}},
      {.after_forward = {2, 0}, .after_gradient = {0, 2}},
  };
  // V-Min for ranks divisible by three, V-Half for even ones: elsewhere nothing collides in the
  // first two shapes.
  for (const int32_t rest : {2, 3}) {
    PeriodicShape shape = kShapes[rest - 2];
    shape.costs = PeriodicShape::Costs::kUnit;
    shape.before_gradients = rest;
    seeds.push_back({.period = 100, .shape = shape, .weights = WeightPlaces::kFixed});
  }
  for (PeriodicShape shape : kShapes) {
    shape.costs = PeriodicShape::Costs::kUnit;
    seeds.push_back({.period = 100, .shape = shape, .weights = WeightPlaces::kFixed});
  }
  for (const TieRule ties : kTieRules) {
    if (ties != TieRule::kNearestEnd && several_parts) by_rule(ties);
  }
  for (const int64_t period : {100, 105, 110, 120, 140}) {
    for (const PeriodicShape& shape : kShapes) {
      for (const int64_t patience : {1, 5, 8}) {
        seeds.push_back({.patience = patience, .period = period, .shape = shape});
      }
    }
  }
  return seeds;
}

// What is kept of an order to go on from.
struct Elite {
  int64_t makespan = 0;
  size_t problem = 0;
  int64_t visits = 0;
  PieceTable begin;
};

// One of the alternatives, and what passes over it need.
struct Alternative {
  explicit Alternative(const GreedyProblem& of)
      : problem(of), bound(LowerBound(of)), scheduler(of), clock(of) {
    for (const GreedyRank& rank : of.ranks) {
      int64_t work = 0;
      for (const int32_t part : rank.parts) {
        for (const int64_t cost : of[part].cost) work += cost;
      }
      work_of_microbatch = std::max(work_of_microbatch, work);
    }
  }

  const GreedyProblem& problem;
  int64_t bound = 0;
  int64_t work_of_microbatch = 1;  // of the busiest rank
  ListScheduler scheduler;
  QueuedClock clock;
};

class Search {
 public:
  Search(const std::vector<GreedyProblem>& problems, int64_t nodes) : nodes_(nodes) {
    alternatives_.reserve(problems.size());
    for (const GreedyProblem& problem : problems) alternatives_.emplace_back(problem);
  }

  FoundOrder Run() {
    bool several_parts = false;
    for (const Alternative& each : alternatives_) {
      several_parts = several_parts || each.problem.parts.size() > each.problem.ranks.size();
    }
    // Beginnings and what becomes of the best of them, in turn.
    int64_t tried = 0;
    for (const Seed& seed : Seeds(several_parts)) {
      for (size_t a = 0; a < alternatives_.size() && !Finished(); ++a) {
        if (CanWin(a)) RunSeed(a, seed);
      }
      if (++tried % kSeedsAtOnce != 0) continue;
      for (int64_t i = 0; i < kSeedsAtOnce && !Finished() && !elites_.empty(); ++i) Improve();
    }
    while (!Finished() && !elites_.empty()) Improve();
    return std::move(found_);
  }

 private:
  bool CanWin(size_t alternative) const {
    return found_.makespan < 0 || alternatives_[alternative].bound < found_.makespan;
  }

  bool Finished() const {
    if (found_.nodes >= nodes_) return true;
    for (size_t a = 0; a < alternatives_.size(); ++a) {
      if (CanWin(a)) return false;
    }
    return true;
  }

  void RunSeed(size_t alternative, const Seed& seed) {
    Alternative& here = alternatives_[alternative];
    const GreedyProblem& problem = here.problem;
    for (std::vector<int64_t>& column : keys_) column.resize(problem.table);
    ListRules rules{.patience = seed.patience};
    if (seed.period > 0) {
      SetPeriodicOrder(problem, seed.period, seed.shape, seed.weights, keys_, backbone_);
      rules.backbone = &backbone_;
    } else if (seed.turns) {
      if (!SetTurningOrder(problem, seed.weights, keys_, backbone_)) return;
      rules.backbone = &backbone_;
    } else if (seed.slope > 0) {
      SetAlternatingOrder(problem, seed.slope, seed.weights, keys_, backbone_);
      rules.backbone = &backbone_;
    } else {
      SetRuleKeys(problem, seed.ties, keys_);
    }
    const size_t ranks = problem.ranks.size();
    for (size_t rank = 0; rank < ranks && seed.ahead > 0; ++rank) {
      const size_t others = (problem.ranks[rank].parts.size() - 1) * ranks;
      rules.ahead.push_back(static_cast<int64_t>(others) +
                            seed.ahead * static_cast<int64_t>(ranks - rank));
    }
    if (Pass(alternative, rules)) Keep(alternative);
  }

  // Runs the list scheduler once; keeps the best order. Where there are transfers, an order takes
  // what the clock says of it: the scheduler sees only some of the queues, backward the wrong ends,
  // and no buffers, for which even a transfer that takes no time may wait.
  bool Pass(size_t alternative, const ListRules& rules) {
    ++found_.nodes;
    Alternative& here = alternatives_[alternative];
    here.scheduler.Run(keys_, rules, result_);
    if (!result_.complete) return false;
    if (here.problem.queues > 0) {
      result_.makespan = here.clock.Makespan(result_.orders, LongestOfUse());
    }
    if (found_.makespan < 0 || result_.makespan < found_.makespan) {
      found_.makespan = result_.makespan;
      found_.problem = alternative;
      found_.orders = result_.orders;
    }
    return true;
  }

  // A longer order is neither the best nor one to go on from.
  int64_t LongestOfUse() const {
    return elites_.size() < kMostElites ? std::numeric_limits<int64_t>::max()
                                        : elites_.back().makespan;
  }

  // Orders of one length are taken for the same.
  void Keep(size_t alternative) {
    for (const Elite& elite : elites_) {
      if (elite.makespan == result_.makespan && elite.problem == alternative) return;
    }
    if (elites_.size() < kMostElites) {
      elites_.emplace_back();
    } else if (elites_.back().makespan <= result_.makespan) {
      return;
    }
    elites_.back() = {.makespan = result_.makespan, .problem = alternative, .begin = result_.begin};
    Sort();
  }

  void Sort() {
    std::stable_sort(elites_.begin(), elites_.end(),
                     [](const Elite& a, const Elite& b) { return a.makespan < b.makespan; });
  }

  // Forward-backward improvement (Li and Willis 1992): schedules backward by the ends of an order's
  // tasks, and forward by the starts that this gives. What is not urgent moves out of the way.
  // After the first visits of an order, with noise.
  void Improve() {
    const bool best = Random() % 2 == 0;
    Elite& elite = elites_[best ? 0 : Random() % elites_.size()];
    static constexpr int64_t kPatience[] = {4, 0, 8};
    const bool plain = elite.visits < 3;
    const int64_t patience = kPatience[plain ? static_cast<uint64_t>(elite.visits) : Random() % 3];
    // From an eighth of a microbatch's work to four times that.
    const int64_t work = alternatives_[elite.problem].work_of_microbatch;
    const int64_t scale = std::max<int64_t>((work << Random() % 6) / 8, 2);
    const int64_t most_noise = plain ? 0 : 1 + static_cast<int64_t>(Random() % Natural(scale));
    ++elite.visits;
    const size_t alternative = elite.problem;
    const GreedyProblem& problem = alternatives_[alternative].problem;
    SetEndKeys(problem, elite.begin, most_noise);
    const ListRules backward{.direction = ListRules::Direction::kBackward, .patience = patience};
    if (!Pass(alternative, backward) || Finished()) return;
    std::swap(keys_, result_.begin);
    if (!Pass(alternative, {.patience = patience})) return;
    if (result_.makespan <= elite.makespan) {
      if (result_.makespan < elite.makespan) elite.visits = 0;
      elite.makespan = result_.makespan;
      std::swap(elite.begin, result_.begin);
      Sort();
    }
  }

  void SetEndKeys(const GreedyProblem& problem, const PieceTable& begin, int64_t most_noise) {
    for (size_t piece = 0; piece < kPieces; ++piece) keys_[piece].resize(problem.table);
    for (const GreedyPart& part : problem.parts) {
      for (size_t piece = 0; piece < kPieces; ++piece) {
        const size_t end = part.first + Natural(part.microbatches);
        for (size_t at = part.first; at < end; ++at) {
          keys_[piece][at] = -(begin[piece][at] + part.cost[piece]);
          if (most_noise > 0) {
            keys_[piece][at] += static_cast<int64_t>(Random() % Natural(2 * most_noise + 1));
          }
        }
      }
    }
  }

  static size_t Natural(int64_t value) { return static_cast<size_t>(value); }

  // xorshift (Marsaglia 2003): the same numbers in every run.
  uint64_t Random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
  }

  int64_t nodes_;
  std::vector<Alternative> alternatives_;
  std::vector<Elite> elites_;  // best first
  FoundOrder found_;
  PieceTable keys_;
  RankOrders backbone_;
  ListResult result_;
  uint64_t random_ = 0x9e3779b97f4a7c15;
};

}  // namespace

FoundOrder SearchOrder(const std::vector<GreedyProblem>& alternatives, int64_t nodes) {
  return Search(alternatives, nodes).Run();
}

}  // namespace pprun
