#include "tests/schedule/automatic_grid.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "compiler/plan/base/check.h"
#include "compiler/schedule/greedy/lower_bound.h"
#include "tests/schedule/queued_time_of.h"
#include "tests/schedule/simulated_makespan.h"

namespace pprun {
namespace {

constexpr const char* kTwoWays = R"(
schedule two_ways(memory = pp + 1, effort = 400) {
  place chunk 0 on rank r as stage r;
  place chunk 1 on rank r as stage pp - 1 - r of pipe 1;
  greedy on rank r {
    limit in_flight <= memory;
    prefer input_grad, forward, weight_grad;
    search nodes <= effort;
  }
}
)";

Override TransfersOf(const GridCase& c) {
  static constexpr const char* kNames[] = {"queue_per_peer", "queue_per_rank", "queue_per_flow"};
  return {"transfers", kNames[static_cast<size_t>(c.transfers)]};
}

Override MicrobatchesOf(const GridCase& c) {
  return {"train.microbatches", std::to_string(c.microbatches)};
}

int32_t StagesOf(const GridCase& c) { return c.pp * c.chunks / c.pipes; }

TaskCosts CostsOf(const GridCase& c) {
  TaskCosts costs;
  if (c.costs == GridCase::Costs::kEqual) return costs;
  std::mt19937_64 random(c.seed);
  const auto between = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  costs = {.forward = {between(80, 120)},
           .input_grad = {between(60, 160)},
           .weight_grad = {between(40, 140)}};
  // Half of the cases have transfers that take time.
  costs.transfer = random() % 2 == 0 ? 0 : between(1, 60);
  if (c.costs == GridCase::Costs::kUnequal) return costs;
  const int64_t spread = c.costs == GridCase::Costs::kByStage ? 20 : 60;
  std::vector<int64_t> percent;
  for (int32_t stage = 0; stage < StagesOf(c); ++stage) {
    percent.push_back(between(100 - spread, 100 + spread));
  }
  for (std::vector<int64_t>* list : {&costs.forward, &costs.input_grad, &costs.weight_grad}) {
    const int64_t base = list->front();
    list->clear();
    for (const int64_t share : percent) list->push_back(base * share / 100);
  }
  return costs;
}

int64_t PeakOf(const TaskOrder& order) {
  int64_t peak = 0;
  for (const std::vector<OrderedTask>& tasks : order.positions) {
    int64_t held = 0;
    for (const OrderedTask& task : tasks) {
      if (task.kind == TaskKind::kForward) peak = std::max(peak, ++held);
      if (task.kind == TaskKind::kBackward || task.kind == TaskKind::kWeightGrad) --held;
    }
  }
  return peak;
}

bool HasPairs(const TaskOrder& order) {
  return std::ranges::any_of(order.positions, [](const std::vector<OrderedTask>& tasks) {
    return std::ranges::any_of(tasks,
                               [](const OrderedTask& task) { return task.overlap_pair >= 0; });
  });
}

// Of an order without pairs: as its plan is simulated. That clock does not know pairs.
int64_t MakespanOf(const TaskOrder& order, const TaskCosts& costs, const GridCase& c) {
  return QueuedTimeOf(order, costs, c.transfers);
}

// Where `automatic` may place chunks: stages in a loop, there and back, or neighbours on one rank.
enum class Placing : uint8_t { kLoop, kFolded, kNeighbours };

// The problem as the bound sees it, built here apart from what builds it for `greedy`.
int64_t BoundOf(const GridCase& c, const TaskCosts& costs, int64_t limit, Placing placing) {
  GreedyProblem problem{.stages = StagesOf(c), .transfer = costs.transfer};
  problem.ranks.resize(static_cast<size_t>(c.pp));
  const int32_t stages = StagesOf(c);
  for (int32_t pipe = 0; pipe < c.pipes; ++pipe) {
    for (int32_t stage = 0; stage < stages; ++stage) {
      const bool neighbours = placing == Placing::kNeighbours && c.pipes == 1;
      const int32_t lap = neighbours ? stage % c.chunks : stage / c.pp;
      const int32_t along = neighbours ? stage / c.chunks : stage % c.pp;
      const bool back = pipe == 1 || (placing == Placing::kFolded && lap % 2 == 1);
      const auto id = static_cast<int32_t>(problem.parts.size());
      const int32_t rank = back ? c.pp - 1 - along : along;
      const int32_t half = (c.microbatches + c.pipes - 1) / c.pipes;
      GreedyPart part{.rank = rank,
                      .chunk = c.pipes == 2 ? pipe : lap,
                      .stage = stage,
                      .pipe = pipe,
                      .earlier = stage == 0 ? -1 : id - 1,
                      .later = stage + 1 == stages ? -1 : id + 1,
                      .microbatches = pipe == 0 ? half : c.microbatches - half,
                      .first = problem.table};
      part.cost = {costs.Of(TaskKind::kForward, stage), costs.Of(TaskKind::kInputGrad, stage),
                   costs.Of(TaskKind::kWeightGrad, stage)};
      problem.table += static_cast<size_t>(part.microbatches);
      problem.parts.push_back(part);
      problem.ranks[static_cast<size_t>(rank)].parts.push_back(id);
    }
  }
  for (GreedyRank& rank : problem.ranks) rank.limit = limit;
  return LowerBound(problem);
}

struct Contender {
  std::string name;
  TaskOrder order;
  int64_t peak = 0;
};

std::vector<Contender> Contenders(const Library& library, const GridCase& c,
                                  const TaskCosts& costs) {
  std::vector<Contender> contenders;
  for (const std::string& name : library.Names()) {
    if (name == "automatic" || name == "forward_only") continue;
    LibrarySetting setting{.pp = c.pp, .microbatches = c.microbatches, .costs = costs};
    if (library.HasChunks(name)) setting.chunks = c.chunks;
    LibraryOrder evaluated = library.Evaluate(name, setting);
    if (evaluated.outcome != Outcome::kRuns) continue;
    TaskOrder& order = evaluated.order;
    if (order.chunks != c.chunks || order.pipes != c.pipes) continue;
    const int64_t peak = PeakOf(order);
    contenders.push_back({name, std::move(order), peak});
  }
  return contenders;
}

TaskOrder EvaluateTwoWays(const GridCase& c, const TaskCosts& costs, int64_t limit) {
  SourceFiles files;
  Diagnostics diagnostics;
  ast::Program program = Parse(files, files.Add("two_ways.sched", kTwoWays), Limits{}, diagnostics);
  const std::optional<CheckedProgram> checked = Check(std::move(program),
                                                      {{"mesh.pp", std::to_string(c.pp)},
                                                       MicrobatchesOf(c),
                                                       {"schedule.memory", std::to_string(limit)},
                                                       TransfersOf(c)},
                                                      Limits{}, diagnostics);
  CHECK(checked.has_value());
  std::optional<TaskOrder> order =
      EvaluateSchedule(*checked, checked->microbatches, costs, Limits{}, diagnostics);
  CHECK(order.has_value());
  return *std::move(order);
}

}  // namespace

std::vector<GridCase> GridCases(int32_t most_ranks, int32_t most_microbatches, size_t stride) {
  using Costs = GridCase::Costs;
  std::vector<GridCase> cases;
  uint64_t seed = 0;
  for (const int32_t pp : {2, 3, 4, 6, 8, 12, 16, 24, 32}) {
    for (const int32_t kind : {1, 2, 4, -2}) {
      for (const int32_t halves : {1, 2, 4, 8, 16}) {
        const int32_t microbatches = std::max(pp * halves / 2, 1);
        // A pipe in each direction, as DualPipe has them.
        if (kind < 0 && (pp % 2 != 0 || microbatches < 2 * pp || microbatches % 2 != 0)) continue;
        for (const int32_t limit : {0, 1, 2, 4, 6}) {
          for (const Costs costs :
               {Costs::kEqual, Costs::kUnequal, Costs::kByStage, Costs::kFarApart}) {
            ++seed;
            if (pp > most_ranks || microbatches > most_microbatches) continue;
            cases.push_back({.pp = pp,
                             .chunks = kind < 0 ? -kind : kind,
                             .pipes = kind < 0 ? 2 : 1,
                             .microbatches = microbatches,
                             .costs = costs,
                             .limit_halves = limit,
                             .transfers = static_cast<TransferQueues>(seed % 3),
                             .seed = seed});
          }
        }
      }
    }
  }
  std::vector<GridCase> chosen;
  for (size_t i = stride / 2; i < cases.size(); i += stride) chosen.push_back(cases[i]);
  return chosen;
}

GridResult RunCase(const Library& library, const GridCase& c) {
  const TaskCosts costs = CostsOf(c);
  const std::vector<Contender> contenders = Contenders(library, c, costs);
  GridResult result;
  if (contenders.empty()) return result;
  int64_t least = contenders.front().peak;
  for (const Contender& contender : contenders) least = std::min(least, contender.peak);
  result.limit = std::max<int64_t>(least, int64_t{c.limit_halves} * c.pp * c.chunks / 2);
  for (const Contender& contender : contenders) {
    if (contender.peak > result.limit) continue;
    const int64_t makespan =
        HasPairs(contender.order)
            ? SimulatedMakespan({.schedule = contender.name,
                                 .pp = c.pp,
                                 .overrides = {MicrobatchesOf(c), TransfersOf(c)},
                                 .costs = costs})
            : MakespanOf(contender.order, costs, c);
    if (!result.library.empty() && makespan >= result.library_makespan) continue;
    result.library = contender.name;
    result.library_makespan = makespan;
  }
  const auto start = std::chrono::steady_clock::now();
  if (c.pipes == 2) {
    result.order = EvaluateTwoWays(c, costs, result.limit);
  } else {
    LibraryOrder evaluated = library.Evaluate(
        "automatic", {.pp = c.pp,
                      .microbatches = c.microbatches,
                      .chunks = c.chunks,
                      .costs = costs,
                      .more = {{"schedule.memory", std::to_string(result.limit)}, TransfersOf(c)}});
    CHECK(evaluated.outcome == Outcome::kRuns);
    result.order = std::move(evaluated.order);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  result.seconds = taken.count();
  result.makespan = MakespanOf(result.order, costs, c);
  result.peak = PeakOf(result.order);
  const auto bound = [&](Placing placing) { return BoundOf(c, costs, result.limit, placing); };
  result.bound =
      std::min({bound(Placing::kLoop), bound(Placing::kFolded), bound(Placing::kNeighbours)});
  return result;
}

std::string ToText(const GridCase& c) {
  static constexpr const char* kCosts[] = {"equal", "unequal", "by stage", "far apart"};
  return "pp " + std::to_string(c.pp) + " chunks " + std::to_string(c.chunks) + " pipes " +
         std::to_string(c.pipes) + " microbatches " + std::to_string(c.microbatches) + " costs " +
         kCosts[static_cast<size_t>(c.costs)] + " " + TransfersOf(c).value + " (" +
         std::to_string(c.seed) + ")";
}

void GridSummary::Add(const GridCase& grid_case, const GridResult& result) {
  ++cases;
  if (result.makespan > result.library_makespan) ++worse;
  if (result.peak > result.limit) ++over_limit;
  if (result.makespan < result.bound) ++below_bound;
  gaps.push_back(static_cast<double>(result.makespan) / static_cast<double>(result.bound) - 1);
  if (grid_case.costs == GridCase::Costs::kEqual) return;
  ++unequal;
  if (result.makespan < result.library_makespan) ++better_of_unequal;
}

double GridSummary::Gap(int hundredths) const {
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  const size_t index = sorted.size() * static_cast<size_t>(hundredths) / 100;
  return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace pprun
