#include "compiler/schedule/evaluate_greedy.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/check.h"
#include "compiler/schedule/greedy/list_schedule.h"
#include "compiler/schedule/greedy/search_order.h"
#include "compiler/schedule/greedy/seeds.h"
#include "compiler/schedule/stage_costs.h"
#include "compiler/schedule/task_names.h"
#include "compiler/schedule/transfer_queues.h"

namespace pprun {

namespace {

std::string Rank(size_t rank) { return "rank " + std::to_string(rank); }

// In the largest of the language's units.
std::string SizeText(int64_t bytes) {
  static constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB"};
  size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

bool Splits(const ResolvedGreedy& greedy) {
  return std::none_of(greedy.preferences.begin(), greedy.preferences.end(),
                      [](const auto& each) { return each.first == TaskKind::kBackward; });
}

Piece PieceOf(TaskKind kind) {
  if (kind == TaskKind::kForward) return Piece::kForward;
  return kind == TaskKind::kWeightGrad ? Piece::kWeight : Piece::kGradient;
}

TaskKind KindOf(Piece piece, bool splits) {
  if (piece == Piece::kForward) return TaskKind::kForward;
  if (piece == Piece::kWeight) return TaskKind::kWeightGrad;
  return splits ? TaskKind::kInputGrad : TaskKind::kBackward;
}

// Reports a block for a rank that does not exist, and ranks that nothing orders.
bool EveryRankIsOrdered(const GreedyInputs& inputs, size_t ranks, Diagnostics& diagnostics) {
  for (const ResolvedGreedy& greedy : inputs.schedule.greedy) {
    if (!greedy.rank || static_cast<uint64_t>(*greedy.rank) < ranks) continue;
    diagnostics.Error(greedy.location, "there is no rank " + std::to_string(*greedy.rank) +
                                           ": they go from 0 to " + std::to_string(ranks - 1));
    return false;
  }
  for (size_t rank = 0; rank < ranks && !inputs.schedule.has_order; ++rank) {
    if (inputs.schedule.GreedyOf(static_cast<int32_t>(rank)) != nullptr) continue;
    diagnostics.Error(inputs.location, Rank(rank) + " has neither an order nor a `greedy`")
        .Note(inputs.schedule.greedy.front().location, "this stands for another rank");
    return false;
  }
  return true;
}

// The bounds of every rank that a `greedy` orders; of the others there are none.
struct RankBounds {
  std::vector<GreedyBounds> ranks;
  int64_t nodes = 1;
};

std::optional<RankBounds> BoundsOf(const GreedyInputs& inputs, const TaskOrder& order,
                                   Diagnostics& diagnostics) {
  RankBounds bounds;
  for (int32_t rank = 0; rank < static_cast<int32_t>(order.placement.size()); ++rank) {
    const ResolvedGreedy* greedy = inputs.schedule.GreedyOf(rank);
    bounds.ranks.emplace_back();
    if (greedy == nullptr) continue;
    const RankLedger ledger = MakeLedger(rank, order);
    const std::optional<GreedyBounds> here = inputs.runner.RunGreedy(*greedy, ledger, diagnostics);
    if (!here) return std::nullopt;
    bounds.ranks.back() = *here;
    bounds.nodes = std::max(bounds.nodes, here->nodes);
  }
  return bounds;
}

// The order that the schedule gives a rank, in letters; empty after an error.
std::optional<RankOrder> GivenOrder(const std::vector<OrderedTask>& tasks, const TaskOrder& order,
                                    Diagnostics& diagnostics) {
  RankOrder letters;
  std::vector<std::array<int32_t, kPieces>> next(static_cast<size_t>(order.chunks));
  const bool splits = std::any_of(tasks.begin(), tasks.end(), [](const OrderedTask& task) {
    return task.kind == TaskKind::kInputGrad;
  });
  for (const OrderedTask& task : tasks) {
    const Piece piece = PieceOf(task.kind);
    int32_t& expected = next[static_cast<size_t>(task.chunk)][static_cast<size_t>(piece)];
    const int32_t index = task.microbatch - order.MicrobatchesOf(task.pipe).begin;
    std::string wrong;
    if (index != expected++) wrong = "microbatches of a kind in their order";
    if (task.overlap_pair >= 0) wrong = "no overlapped tasks";
    if (splits && task.kind == TaskKind::kBackward) wrong = "whole backwards or their halves";
    if (!wrong.empty()) {
      diagnostics.Error(task.location, "beside a `greedy` on other ranks an order has " + wrong);
      return std::nullopt;
    }
    letters.push_back({task.chunk, piece});
  }
  return letters;
}

class ProblemBuilder {
 public:
  ProblemBuilder(const GreedyInputs& inputs, const TaskOrder& order, const RankBounds& bounds)
      : inputs_(inputs), order_(order), bounds_(bounds), costs_(StageCosts(inputs.costs, order)) {}

  // Empty after errors.
  std::optional<GreedyProblem> Build(Diagnostics& diagnostics) {
    problem_.stages = order_.stages;
    problem_.transfer = costs_.transfer;
    AddRanks();
    LinkStages();
    AddQueues(inputs_.transfers, problem_);
    for (size_t rank = 0; rank < problem_.ranks.size(); ++rank) {
      if (!SetRank(rank, diagnostics)) return std::nullopt;
    }
    return std::move(problem_);
  }

 private:
  void AddRanks() {
    for (const std::vector<ChunkPlace>& places : order_.placement) {
      GreedyRank& rank = problem_.ranks.emplace_back();
      for (const ChunkPlace& place : places) {
        GreedyPart part{.rank = static_cast<int32_t>(problem_.ranks.size()) - 1,
                        .chunk = static_cast<int32_t>(rank.parts.size()),
                        .stage = place.stage,
                        .pipe = place.pipe,
                        .microbatches = order_.MicrobatchesOf(place.pipe).count(),
                        .first = problem_.table};
        problem_.table += static_cast<size_t>(part.microbatches);
        rank.parts.push_back(static_cast<int32_t>(problem_.parts.size()));
        problem_.parts.push_back(part);
      }
    }
  }

  void LinkStages() {
    const auto stages = static_cast<size_t>(order_.stages);
    std::vector<int32_t> at(stages * static_cast<size_t>(order_.pipes), -1);
    const auto index = [&](const GreedyPart& part) {
      return static_cast<size_t>(part.pipe) * stages + static_cast<size_t>(part.stage);
    };
    for (size_t i = 0; i < problem_.parts.size(); ++i) {
      at[index(problem_.parts[i])] = static_cast<int32_t>(i);
    }
    for (GreedyPart& part : problem_.parts) {
      if (part.stage > 0) part.earlier = at[index(part) - 1];
      if (part.stage + 1 < order_.stages) part.later = at[index(part) + 1];
    }
  }

  bool SetRank(size_t index, Diagnostics& diagnostics) {
    GreedyRank& rank = problem_.ranks[index];
    rank.limit = std::numeric_limits<int64_t>::max() / 4;
    const ResolvedGreedy* greedy = inputs_.schedule.GreedyOf(static_cast<int32_t>(index));
    if (greedy == nullptr) {
      std::optional<RankOrder> given = GivenOrder(order_.positions[index], order_, diagnostics);
      if (!given) return false;
      rank.given = *std::move(given);
      rank.splits = std::any_of(rank.given.begin(), rank.given.end(),
                                [](GreedyTask letter) { return letter.piece == Piece::kWeight; });
      SetCosts(rank);
      return true;
    }
    rank.splits = Splits(*greedy);
    for (size_t i = 0; i < greedy->preferences.size(); ++i) {
      const Piece piece = PieceOf(greedy->preferences[i].first);
      rank.preference[static_cast<size_t>(piece)] = static_cast<int32_t>(i);
    }
    SetCosts(rank);
    const std::optional<int64_t> limit = bounds_.ranks[index].limit;
    if (!limit) return true;
    rank.limit = *limit;
    return Fits(*greedy, index, diagnostics);
  }

  void SetCosts(const GreedyRank& rank) {
    for (const int32_t id : rank.parts) {
      GreedyPart& part = problem_[id];
      for (const Piece piece : kAllPieces) {
        const bool none = piece == Piece::kWeight && !rank.splits;
        part.cost[static_cast<size_t>(piece)] =
            none ? 0 : costs_.Of(KindOf(piece, rank.splits), part.stage);
      }
    }
  }

  // Whether one activation of every chunk of the rank has room: with less, none gets through.
  bool Fits(const ResolvedGreedy& greedy, size_t index, Diagnostics& diagnostics) {
    const GreedyRank& rank = problem_.ranks[index];
    if (greedy.limit_is_size && !costs_.activation_bytes) {
      diagnostics.Error(greedy.limit_location, "a limit in bytes needs a model")
          .Note(greedy.limit_location, "without one, activations are counted: `in_flight <= 8`");
      return false;
    }
    if (greedy.limit_is_size && bytes_.empty()) {
      bytes_ = costs_.activation_bytes(order_.stages);
      if (bytes_.empty()) return false;  // reported: the model has too few layers
    }
    int64_t least = 0;
    for (const int32_t id : rank.parts) {
      GreedyPart& part = problem_[id];
      if (greedy.limit_is_size) part.size = bytes_[static_cast<size_t>(part.stage)];
      least += part.size;
    }
    if (least <= rank.limit) return true;
    const auto chunks = static_cast<int64_t>(rank.parts.size());
    const auto sized = [&](int64_t value) {
      return greedy.limit_is_size ? SizeText(value) : std::to_string(value);
    };
    const std::string needs =
        greedy.limit_is_size
            ? (chunks == 1 ? "an activation of " + Rank(index)
                           : "one activation of each of the " + Amount(chunks, "chunk") + " of " +
                                 Rank(index)) +
                  " takes " + sized(least)
            : Rank(index) + " holds an activation of " + Amount(chunks, "chunk") + " at least";
    const ast::Location place = greedy.limit_location;
    Diagnostic& error = diagnostics.Error(place, needs + ", and the limit is " + sized(rank.limit));
    const std::string names =
        inputs_.runner.NamesInLimit(greedy, MakeLedger(static_cast<int32_t>(index), order_));
    if (!names.empty()) error.Note(place, names);
    return false;
  }

  const GreedyInputs& inputs_;
  const TaskOrder& order_;
  const RankBounds& bounds_;
  const TaskCosts costs_;  // of a stage
  GreedyProblem problem_;
  std::vector<int64_t> bytes_;  // of an activation, by stage
};

// What a pass over the problem costs, in steps of evaluation: a task is chosen among those of the
// rank's parts.
int64_t StepsOf(const GreedyProblem& problem) {
  int64_t steps = 0;
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    const auto parts = static_cast<int64_t>(problem.ranks[rank].parts.size());
    steps += problem.Tasks(rank) * (4 + 2 * parts);
  }
  return steps;
}

bool IsWithinLimits(const GreedyInputs& inputs, const GreedyProblem& problem,
                    Diagnostics& diagnostics) {
  int64_t tasks = 0;
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) tasks += problem.Tasks(rank);
  if (tasks > inputs.limits.unrolled_tasks) {
    diagnostics.Error(inputs.location, "the schedule runs more than the limit of " +
                                           std::to_string(inputs.limits.unrolled_tasks) +
                                           " tasks (`unrolled_tasks`)");
    return false;
  }
  if (StepsOf(problem) > inputs.limits.evaluation_steps) {
    diagnostics.Error(inputs.location, "evaluating the schedule takes more than the limit of " +
                                           std::to_string(inputs.limits.evaluation_steps) +
                                           " steps (`evaluation_steps`)");
    return false;
  }
  return true;
}

// Of ranks whose order is given, the first that never came to its end.
void ReportNoProgress(const GreedyProblem& problem, const TaskOrder& order,
                      const ResolvedSchedule& schedule, Diagnostics& diagnostics) {
  PieceTable keys;
  for (std::vector<int64_t>& column : keys) column.resize(problem.table);
  SetRuleKeys(problem, TieRule::kNearestEnd, keys);
  ListResult result;
  ListScheduler(problem).Run(keys, {}, result);
  for (size_t rank = 0; rank < problem.ranks.size(); ++rank) {
    const size_t done = result.orders[rank].size();
    if (problem.ranks[rank].given.empty() || done == problem.ranks[rank].given.size()) continue;
    const OrderedTask& task = order.positions[rank][done];
    diagnostics
        .Error(task.location, "this schedule cannot go on: " + Rank(rank) + " waits at " +
                                  CallText(task.kind, task.microbatch, task.chunk, order.chunks))
        .Note(schedule.greedy.front().location,
              "no order of the ranks that `greedy` orders gets it further within their limits");
    return;
  }
  // Only a given order can be in the way: what `greedy` orders keeps room to go on.
  CHECK(false);
}

void SetTasks(const GreedyInputs& inputs, const GreedyProblem& problem, const RankOrders& orders,
              TaskOrder& order) {
  order.positions.resize(order.placement.size());
  for (size_t rank = 0; rank < orders.size(); ++rank) {
    const ResolvedGreedy* greedy = inputs.schedule.GreedyOf(static_cast<int32_t>(rank));
    if (greedy == nullptr) continue;
    std::vector<std::array<int32_t, kPieces>> next(problem.ranks[rank].parts.size());
    std::vector<OrderedTask>& tasks = order.positions[rank];
    for (const GreedyTask letter : orders[rank]) {
      const GreedyPart& part = problem.PartOf(rank, letter);
      const int32_t index = next[letter.chunk][static_cast<size_t>(letter.piece)]++;
      OrderedTask task{.kind = KindOf(letter.piece, problem.ranks[rank].splits),
                       .chunk = part.chunk,
                       .microbatch = order.MicrobatchesOf(part.pipe).begin + index,
                       .stage = part.stage,
                       .pipe = part.pipe};
      for (const auto& [kind, location] : greedy->preferences) {
        if (kind == task.kind) task.location = location;
      }
      tasks.push_back(task);
    }
  }
}

}  // namespace

std::optional<TaskOrder> OrderGreedily(const GreedyInputs& inputs,
                                       std::vector<TaskOrder> alternatives,
                                       Diagnostics& diagnostics) {
  const size_t ranks = alternatives.front().placement.size();
  if (!EveryRankIsOrdered(inputs, ranks, diagnostics)) return std::nullopt;
  const std::optional<RankBounds> bounds = BoundsOf(inputs, alternatives.front(), diagnostics);
  if (!bounds) return std::nullopt;
  std::vector<GreedyProblem> problems;
  std::vector<size_t> alternative_of;
  std::optional<Diagnostics> too_small;
  int64_t most_steps = 1;
  for (size_t i = 0; i < alternatives.size(); ++i) {
    // One that is a chunk a rank, or whose activations are too large, may leave others.
    const auto same = [&](size_t other) {
      return alternatives[other].placement == alternatives[i].placement;
    };
    if (std::any_of(alternative_of.begin(), alternative_of.end(), same)) continue;
    Diagnostics errors;
    std::optional<GreedyProblem> problem =
        ProblemBuilder(inputs, alternatives[i], *bounds).Build(errors);
    if (!problem) {
      if (!too_small) too_small = std::move(errors);
      continue;
    }
    if (!IsWithinLimits(inputs, *problem, diagnostics)) return std::nullopt;
    most_steps = std::max(most_steps, StepsOf(*problem));
    problems.push_back(*std::move(problem));
    alternative_of.push_back(i);
  }
  if (problems.empty()) {
    for (const Diagnostic& error : too_small->all()) {
      Diagnostic& added = diagnostics.Error(error.location, error.message);
      for (const DiagnosticNote& note : error.notes) added.Note(note.location, note.message);
    }
    return std::nullopt;
  }
  // A search that would take more steps than any schedule may ends early.
  const int64_t nodes =
      std::min(bounds->nodes, std::max<int64_t>(inputs.limits.evaluation_steps / most_steps, 1));
  const FoundOrder found = SearchOrder(problems, nodes);
  if (found.makespan < 0) {
    ReportNoProgress(problems.front(), alternatives[alternative_of.front()], inputs.schedule,
                     diagnostics);
    return std::nullopt;
  }
  TaskOrder& order = alternatives[alternative_of[found.problem]];
  SetTasks(inputs, problems[found.problem], found.orders, order);
  return std::move(order);
}

}  // namespace pprun
