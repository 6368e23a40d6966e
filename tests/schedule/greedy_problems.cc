#include "tests/schedule/greedy_problems.h"

#include <algorithm>

namespace pprun {

GreedyProblem MakeProblem(const std::vector<int32_t>& stage_ranks, int32_t microbatches,
                          int64_t limit) {
  GreedyProblem problem{.stages = static_cast<int32_t>(stage_ranks.size())};
  const int32_t ranks = 1 + *std::max_element(stage_ranks.begin(), stage_ranks.end());
  problem.ranks.resize(static_cast<size_t>(ranks));
  for (int32_t stage = 0; stage < problem.stages; ++stage) {
    GreedyRank& rank = problem.ranks[static_cast<size_t>(stage_ranks[static_cast<size_t>(stage)])];
    problem.parts.push_back({.rank = stage_ranks[static_cast<size_t>(stage)],
                             .chunk = static_cast<int32_t>(rank.parts.size()),
                             .stage = stage,
                             .earlier = stage - 1,
                             .later = stage + 1 < problem.stages ? stage + 1 : -1,
                             .microbatches = microbatches,
                             .first = problem.table});
    problem.table += static_cast<size_t>(microbatches);
    rank.parts.push_back(stage);
  }
  for (GreedyRank& rank : problem.ranks) rank.limit = limit;
  return problem;
}

GreedyProblem RandomProblem(std::mt19937_64& random) {
  const auto below = [&](size_t bound) { return static_cast<int32_t>(random() % bound); };
  const int32_t ranks = 1 + below(4), chunks = 1 + below(3), microbatches = 1 + below(6);
  std::vector<int32_t> stage_ranks;
  for (int32_t rank = 0; rank < ranks; ++rank) stage_ranks.insert(stage_ranks.end(), chunks, rank);
  std::shuffle(stage_ranks.begin(), stage_ranks.end(), random);
  GreedyProblem problem = MakeProblem(stage_ranks, microbatches, chunks);
  problem.transfer = below(3);
  for (GreedyPart& part : problem.parts) {
    for (int64_t& cost : part.cost) cost = 1 + below(6);
    part.size = 1 + below(3);
  }
  for (GreedyRank& rank : problem.ranks) {
    rank.limit = 0;
    for (const int32_t part : rank.parts) rank.limit += problem[part].size;
    rank.limit += below(6);
    rank.splits = random() % 3 != 0;
    if (rank.splits) continue;
    for (const int32_t part : rank.parts) problem[part].cost[2] = 0;
  }
  return problem;
}

std::string WrongWith(const GreedyProblem& problem, const RankOrders& orders,
                      const PieceTable& begin, int64_t makespan) {
  for (size_t rank = 0; rank < orders.size(); ++rank) {
    const GreedyRank& here = problem.ranks[rank];
    if (static_cast<int64_t>(orders[rank].size()) != problem.Tasks(rank))
      return "tasks are missing";
    std::vector<std::array<int32_t, kPieces>> done(here.parts.size());
    int64_t now = 0, held = 0;
    for (const GreedyTask task : orders[rank]) {
      const GreedyPart& part = problem.PartOf(rank, task);
      auto& counts = done[static_cast<size_t>(task.chunk)];
      const size_t piece = static_cast<size_t>(task.piece);
      const auto microbatch = static_cast<size_t>(counts[piece]++);
      const std::string name = "rank " + std::to_string(rank) + " stage " +
                               std::to_string(part.stage) + " microbatch " +
                               std::to_string(microbatch) + ": ";
      if (counts[1] > counts[0] || counts[2] > counts[1]) return name + "too early in its order";
      const int64_t start = begin[piece][part.first + microbatch];
      if (start < now) return name + "overlaps the task before";
      const int32_t before = piece == 0 ? part.earlier : piece == 1 ? part.later : -1;
      if (before >= 0) {
        const GreedyPart& other = problem[before];
        const int64_t hop = other.rank == part.rank ? 0 : problem.transfer;
        if (start < begin[piece][other.first + microbatch] + other.cost[piece] + hop) {
          return name + "starts before its input is there";
        }
      }
      now = start + part.cost[piece];
      if (now > makespan) return name + "ends after the end";
      if (task.piece == Piece::kForward) held += part.size;
      if (held > here.limit) return name + "has no room";
      if (task.piece == (here.splits ? Piece::kWeight : Piece::kGradient)) held -= part.size;
    }
    if (held != 0) return "something is held for ever";
  }
  return "";
}

}  // namespace pprun
